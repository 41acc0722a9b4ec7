"""A model and its converted form, side by side on the same inputs."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from edgekit.parity.metrics import METRICS, require_fitting_targets, truth_of
from edgekit_runtime.classification import predicted_classes, probabilities
from edgekit_runtime.errors import DataError
from edgekit_runtime.task import CLASSES


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far a candidate's outputs are from a reference's.

    Attributes:
        samples: Number of inputs compared.
        reference_top1: Share of inputs that the reference labels right; None without labels.
        candidate_top1: The same of the candidate.
        accuracy_drop: ``reference_top1 - candidate_top1``, an absolute fraction; negative for a gain.
        top1_agreement: Share of equal classes or labels; None for outputs of other kinds.
        max_absolute_difference: Largest difference of any output value.
        mean_absolute_difference: Mean difference over all output values.
    """

    samples: int
    reference_top1: float | None
    candidate_top1: float | None
    accuracy_drop: float | None
    top1_agreement: float | None
    max_absolute_difference: float
    mean_absolute_difference: float

    def to_dict(self) -> dict[str, Any]:
        """The figures as plain values."""
        return asdict(self)


def compare(
    reference: np.ndarray,
    candidate: np.ndarray,
    targets: np.ndarray | None = None,
    *,
    kind: str = CLASSES,
    is_logit: bool = False,
) -> Agreement:
    """Compare two models' outputs for the same inputs.

    Args:
        reference: Outputs of the reference, (N, ...).
        candidate: Outputs of the candidate, same shape.
        targets: Labels of the inputs, (N, ...); None if there are none. Only those of classes are used.
        kind: What the outputs are, see ``edgekit_runtime.task``.
        is_logit: Whether scores of classes are logits, see ``edgekit_runtime.task.Kind``.
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
    error = np.abs(reference.astype(np.float64) - candidate)
    scores = [probabilities(outputs, is_logit) for outputs in (reference, candidate)]
    tops: list[float | None] = [None, None]
    if targets is not None and kind == CLASSES:
        require_fitting_targets(kind, reference, targets)
        tops = [float(np.mean(predicted_classes(outputs) == targets)) for outputs in scores]
    return Agreement(
        samples=len(reference),
        reference_top1=tops[0],
        candidate_top1=tops[1],
        accuracy_drop=None if tops[0] is None or tops[1] is None else tops[0] - tops[1],
        top1_agreement=_share_equal(scores[0], scores[1], kind),
        max_absolute_difference=float(error.max()),
        mean_absolute_difference=float(error.mean()),
    )


def _share_equal(reference: np.ndarray, candidate: np.ndarray, kind: str) -> float | None:
    """The share of equal classes or labels, an example at a time; None for other kinds."""
    if kind not in METRICS["agreement"].kinds:
        return None
    same = np.asarray(truth_of(kind, reference) == truth_of(kind, candidate))
    return float(same.reshape(len(same), -1).mean(1).mean())
