"""Running comparison of one output: selects the tallies for its kind."""

from __future__ import annotations

import numpy as np

from edgekit.parity.metrics import require_compatible_ground_truth
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
    """Running comparison of one output.

    Args:
        name: Output name in the reference.
        kind: Kind of the output, see ``edgekit_runtime.task``.
        labels: Class names; empty if unknown.
        top_k: The k of top-k accuracy.
        seed: Seed of the bootstrap.
        start: Number of examples before these, which are counted elsewhere.
    """

    def __init__(
        self, name: str, kind: Kind, labels: tuple[str, ...], top_k: int, seed: int, *, start: int = 0
    ) -> None:
        self._start_count = start
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
        ground_truth: np.ndarray | None,
        names: tuple[str, ...],
        *,
        groups: np.ndarray | None = None,
        images: Images | None = None,
    ) -> None:
        """Add a batch.

        Args:
            values: Values of the reference and of the candidate, (N, ...) each.
            ground_truth: Classes or real values, (N, ...), or None.
            names: Example names.
            groups: Slice of each example, str (N,), or None.
            images: Returns the images of given rows, uint8 (N, H, W, C), or None.
        Raises:
            DataError: The shapes of the two models differ, or the ground truth is not compatible.
        """
        _require_comparable(self._name, values)
        if self._kind == STATE:
            ground_truth = None
        if ground_truth is not None:
            require_compatible_ground_truth(self._kind, values[0], ground_truth, self._name)
        if not self._samples:
            self._start(values[0], ground_truth)
        self._samples += len(names)
        self._errors.add(*values, names)
        predictions = None
        first, second = (probabilities(outputs, self._is_logit) for outputs in values)
        if self._classes is not None:
            predictions = self._classes.add(as_scores(first), as_scores(second), ground_truth, names, images)
        against_ground_truth = None
        if self._regression is not None:
            assert ground_truth is not None
            against_ground_truth = self._regression.add(*values, ground_truth)
        if self._metrics is not None:
            self._metrics.add(first, second, ground_truth)
        if groups is not None:
            self._slices = self._slices or SliceTally(self._seed)
            errors = np.abs(values[0].astype(np.float64) - values[1]).reshape(len(names), -1)
            self._slices.add(
                groups, errors, predictions, ground_truth if predictions is not None else None, against_ground_truth
            )

    def merge(self, later: OutputTally) -> None:
        """Add the examples of a tally of the same output that were counted elsewhere and come after these."""
        self._samples += later._samples
        self._errors.merge(later._errors)
        for name in ("_classes", "_regression", "_metrics", "_slices"):
            mine, theirs = getattr(self, name), getattr(later, name)
            if mine is None:
                setattr(self, name, theirs)
            elif theirs is not None:
                mine.merge(theirs)

    def result(self) -> OutputParity:
        """Results so far."""
        return OutputParity(
            name=self._name,
            kind=self._kind,
            errors=self._errors.result(),
            classification=self._classes.result() if self._classes else None,
            regression=self._regression.result() if self._regression else None,
            metrics=self._metrics.result() if self._metrics else (),
            slices=self._slices.result() if self._slices else (),
        )

    def _start(self, reference: np.ndarray, ground_truth: np.ndarray | None) -> None:
        if self._kind == CLASSES and reference.dtype.kind == "f":
            self._classes = ClassTally(max(2, reference.shape[-1]), self._labels, self._top_k)
        elif self._kind in METRICS_OF_KIND:
            self._metrics = MetricTally(self._kind, self._seed)
        elif ground_truth is not None:
            self._regression = RegressionTally(self._seed, self._start_count)


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
                f"The {which} gives NaN or infinity in output {name}.",
                expected="finite values",
                received=f"{np.count_nonzero(~np.isfinite(outputs))} of {outputs.size} values",
                next_step="check that the data is scaled as in training",
            )
