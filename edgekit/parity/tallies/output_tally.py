"""One output of two models: everything that its kind asks for is added up batch by batch."""

from __future__ import annotations

import numpy as np

from edgekit.parity.metrics import require_fitting_targets
from edgekit.parity.results import OutputParity
from edgekit.parity.tallies.class_tally import ClassTally, Images, as_scores
from edgekit.parity.tallies.error_tally import ErrorTally
from edgekit.parity.tallies.metric_tally import METRICS_OF_KIND, MetricTally
from edgekit.parity.tallies.regression_tally import RegressionTally
from edgekit.parity.tallies.slice_tally import SliceTally
from edgekit_runtime.classification import probabilities
from edgekit_runtime.errors import DataError
from edgekit_runtime.task import CLASSES, STATE, Kind


class OutputTally:
    """Running figures of one output.

    Args:
        name: The output's name in the reference.
        kind: What it is, see ``edgekit_runtime.task``.
        labels: Names of the classes; empty if none are known.
        top_k: How many of the highest scores may hold the right class.
        seed: Seed of the bootstrap.
    """

    def __init__(self, name: str, kind: Kind, labels: tuple[str, ...], top_k: int, seed: int) -> None:
        self._name, self._kind, self._labels, self._top_k, self._seed = name, kind.name, labels, top_k, seed
        self._is_logit = kind.is_logit
        self._errors = ErrorTally()
        self._classes: ClassTally | None = None
        self._regression: RegressionTally | None = None
        self._metrics: MetricTally | None = None
        self._slices: SliceTally | None = None
        self._samples = 0

    def add(
        self,
        values: tuple[np.ndarray, np.ndarray],
        targets: np.ndarray | None,
        names: tuple[str, ...],
        *,
        groups: np.ndarray | None = None,
        images: Images | None = None,
    ) -> None:
        """Take in a batch.

        Args:
            values: The reference's and the candidate's values, (N, ...) each.
            targets: Class numbers or real targets, (N, ...), or None.
            names: What each example is called.
            groups: The slice of each example, str (N,), or None.
            images: Gives the images of some rows, uint8 (N, H, W, C), or None.
        Raises:
            DataError: The two models' shapes differ, or the targets do not fit.
        """
        _require_comparable(self._name, values)
        if self._kind == STATE:
            targets = None
        if targets is not None:
            require_fitting_targets(self._kind, values[0], targets, self._name)
        if not self._samples:
            self._start(values[0], targets)
        self._samples += len(names)
        self._errors.add(*values, names)
        answers = None
        first, second = (probabilities(outputs, self._is_logit) for outputs in values)
        if self._classes is not None:
            answers = self._classes.add(as_scores(first), as_scores(second), targets, names, images)
        against_targets = None
        if self._regression is not None:
            assert targets is not None
            against_targets = self._regression.add(*values, targets)
        if self._metrics is not None:
            self._metrics.add(first, second, targets)
        if groups is not None:
            self._slices = self._slices or SliceTally(self._seed)
            errors = np.abs(values[0].astype(np.float64) - values[1]).reshape(len(names), -1)
            self._slices.add(groups, errors, answers, targets if answers is not None else None, against_targets)

    def result(self) -> OutputParity:
        """The figures so far."""
        return OutputParity(
            name=self._name,
            kind=self._kind,
            errors=self._errors.result(),
            classification=self._classes.result() if self._classes else None,
            regression=self._regression.result() if self._regression else None,
            metrics=self._metrics.result() if self._metrics else (),
            slices=self._slices.result() if self._slices else (),
        )

    def _start(self, reference: np.ndarray, targets: np.ndarray | None) -> None:
        if self._kind == CLASSES and reference.dtype.kind == "f":
            self._classes = ClassTally(max(2, reference.shape[-1]), self._labels, self._top_k)
        elif self._kind in METRICS_OF_KIND:
            self._metrics = MetricTally(self._kind, self._seed)
        elif targets is not None:
            self._regression = RegressionTally(self._seed)


def _require_comparable(name: str, values: tuple[np.ndarray, np.ndarray]) -> None:
    reference, candidate = values
    if reference.shape != candidate.shape:
        raise DataError(
            f"The two models give outputs of different shapes{f', {name}' if name else ''}.",
            expected=str(reference.shape),
            received=str(candidate.shape),
            next_step="check that the .tflite was made from this model",
        )
    for which, outputs in zip(("reference", "candidate"), values, strict=True):
        if outputs.dtype.kind == "f" and not np.isfinite(outputs).all():
            raise DataError(
                f"The {which} answers with NaN or infinity, in output {name}.",
                expected="finite values",
                received=f"{np.count_nonzero(~np.isfinite(outputs))} of {outputs.size} values",
                next_step="check that the data is scaled as in training",
            )
