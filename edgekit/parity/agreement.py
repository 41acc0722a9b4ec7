"""A model and its converted form, side by side on the same inputs."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from edgekit_runtime.errors import DataError


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far a candidate's outputs are from a reference's.

    Attributes:
        samples: Number of inputs compared.
        reference_top1: Share of inputs that the reference labels right; None without labels.
        candidate_top1: The same of the candidate.
        accuracy_drop: ``reference_top1 - candidate_top1``, an absolute fraction; negative for a gain.
        top1_agreement: Share of inputs on which both give the same class; None where outputs are no classes.
        max_absolute_error: Largest difference of any output value.
        mean_absolute_error: Mean difference over all output values.
    """

    samples: int
    reference_top1: float | None
    candidate_top1: float | None
    accuracy_drop: float | None
    top1_agreement: float | None
    max_absolute_error: float
    mean_absolute_error: float

    def to_dict(self) -> dict[str, Any]:
        """The figures as plain values."""
        return asdict(self)


def compare(reference: np.ndarray, candidate: np.ndarray, labels: np.ndarray | None = None) -> Agreement:
    """Compare two models' outputs for the same inputs.

    Args:
        reference: Outputs of the reference, float; classes are read from shape (N, C).
        candidate: Outputs of the candidate, same shape.
        labels: Class of each input, integer, shape (N,); None where there is none.
    Raises:
        DataError: Shapes differ, or labels do not fit the outputs.
    """
    if reference.shape != candidate.shape:
        raise DataError(
            "The two models give outputs of different shapes.",
            expected=str(reference.shape),
            received=str(candidate.shape),
            next_step="check that the .tflite was made from this model",
        )
    reference, candidate = reference.astype(np.float64), candidate.astype(np.float64)
    error = np.abs(reference - candidate)
    reference_classes, candidate_classes = _classes(reference), _classes(candidate)
    reference_top1 = candidate_top1 = drop = None
    if labels is not None and reference_classes is not None:
        _require_fitting_labels(labels, classes=max(2, reference.shape[1]))
        reference_top1 = float(np.mean(reference_classes == labels))
        candidate_top1 = float(np.mean(candidate_classes == labels))
        drop = reference_top1 - candidate_top1
    return Agreement(
        samples=len(reference),
        reference_top1=reference_top1,
        candidate_top1=candidate_top1,
        accuracy_drop=drop,
        top1_agreement=None if reference_classes is None else float(np.mean(reference_classes == candidate_classes)),
        max_absolute_error=float(error.max()),
        mean_absolute_error=float(error.mean()),
    )


def _classes(outputs: np.ndarray) -> np.ndarray | None:
    """The class that each row of outputs stands for, or None where the outputs are no classes.

    One output in 0…1 is taken as the probability of the second of two classes.
    """
    if outputs.ndim != 2:
        return None
    if outputs.shape[1] > 1:
        return np.asarray(outputs.argmax(1))
    if outputs.min() < 0 or outputs.max() > 1:
        return None
    return np.asarray(outputs[:, 0] > 0.5).astype(np.int64)


def _require_fitting_labels(labels: np.ndarray, classes: int) -> None:
    if labels.max() >= classes:
        raise DataError(
            "The data's labels do not fit the model.",
            expected=f"classes 0 to {classes - 1}, the model has {classes} outputs",
            received=f"class {labels.max()}",
            next_step="pass the data the model was trained for",
        )
