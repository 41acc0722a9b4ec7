"""One output of two models: what its values are is told from the first batch, then everything is added up."""

from __future__ import annotations

import numpy as np

from edgekit.parity.class_tally import ClassTally, Images, as_scores
from edgekit.parity.error_tally import ErrorTally
from edgekit.parity.regression_tally import RegressionTally
from edgekit.parity.results import OutputParity
from edgekit.parity.slice_tally import SliceTally
from edgekit_runtime.errors import DataError


class OutputTally:
    """Running figures of one output.

    Args:
        name: The output's name in the reference.
        labels: Names of the classes; empty where none are known.
        top_k: How many of the highest scores may hold the right class.
        seed: Seed of the bootstrap.
    """

    def __init__(self, name: str, labels: tuple[str, ...], top_k: int, seed: int) -> None:
        self._name, self._labels, self._top_k, self._seed = name, labels, top_k, seed
        self._errors = ErrorTally()
        self._classes: ClassTally | None = None
        self._regression: RegressionTally | None = None
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
        if not self._samples:
            self._choose(values, targets)
        self._samples += len(names)
        self._errors.add(*values, names)
        answers, y = None, None
        if self._classes is not None:
            scores = [as_scores(each.reshape(-1, each.shape[-1])) for each in values]
            steps = len(scores[0]) // len(names)
            y = None if targets is None else targets.reshape(-1)
            step_names = names if steps == 1 else tuple(f"{name}[{step}]" for name in names for step in range(steps))
            answers = self._classes.add(scores[0], scores[1], y, step_names, images if steps == 1 else None)
        if self._regression is not None:
            assert targets is not None
            self._regression.add(*values, targets)
        if groups is not None:
            self._slices = self._slices or SliceTally()
            errors = np.abs(values[0].astype(np.float64) - values[1]).reshape(len(names), -1)
            self._slices.add(groups, errors, answers, y)

    def result(self) -> OutputParity:
        """The figures so far."""
        return OutputParity(
            name=self._name,
            errors=self._errors.result(),
            classification=self._classes.result() if self._classes else None,
            regression=self._regression.result() if self._regression else None,
            slices=self._slices.result() if self._slices else (),
        )

    def _choose(self, values: tuple[np.ndarray, np.ndarray], targets: np.ndarray | None) -> None:
        """Tell from the first batch whether the values are scores of classes or real values with targets."""
        reference = values[0]
        if targets is None:
            if _are_scores(values):
                self._classes = self._class_tally(reference)
            return
        has_classes = targets.dtype.kind == "i" and targets.shape == reference.shape[:-1]
        if has_classes and (reference.shape[-1] > 1 or _are_fractions(values)):
            self._classes = self._class_tally(reference)
        elif targets.size == reference.size:
            self._regression = RegressionTally(self._seed)
        else:
            raise DataError(
                f"The data's labels do not fit the model's output {self._name}.",
                expected=f"class numbers {reference.shape[:-1]}, or real targets {reference.shape}, for this batch",
                received=f"{targets.dtype} {targets.shape}",
                next_step="leave the labels out to compare the two models' values alone",
            )

    def _class_tally(self, reference: np.ndarray) -> ClassTally:
        return ClassTally(max(2, reference.shape[-1]), self._labels, self._top_k)


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


def _are_scores(values: tuple[np.ndarray, np.ndarray]) -> bool:
    """Whether values without targets are scores: a row of several numbers, or one number in 0 to 1."""
    reference = values[0]
    return reference.ndim == 2 and (reference.shape[1] > 1 or (reference.shape[1] == 1 and _are_fractions(values)))


def _are_fractions(values: tuple[np.ndarray, np.ndarray]) -> bool:
    return all(each.min(initial=0.0) >= 0 and each.max(initial=0.0) <= 1 for each in values)
