"""Compares the outputs of a model and of its converted form for the same inputs."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from edgekit.parity.metrics import METRICS, require_compatible_ground_truth, truth_of
from edgekit_runtime.classification import predicted_classes, probabilities
from edgekit_runtime.errors import DataError
from edgekit_runtime.task import CLASSES


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far the outputs of a candidate are from those of a reference.

    Attributes:
        samples: Number of examples.
        reference_top1: Top-1 accuracy of the reference, a fraction; None without ground truth.
        candidate_top1: Top-1 accuracy of the candidate.
        accuracy_drop: ``reference_top1 - candidate_top1``, an absolute fraction; negative for a gain.
        top1_agreement: Share of equal classes or labels, a fraction; None for outputs of other kinds.
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
        """Plain values of the fields."""
        return asdict(self)


def compare(
    reference: np.ndarray,
    candidate: np.ndarray,
    ground_truth: np.ndarray | None = None,
    *,
    kind: str = CLASSES,
    is_logit: bool = False,
) -> Agreement:
    """Compare the outputs of two models for the same inputs.

    Args:
        reference: Outputs of the reference, (N, ...).
        candidate: Outputs of the candidate, same shape.
        ground_truth: True values of the examples, (N, ...), or None; used for classes only.
        kind: Kind of the output, see ``edgekit_runtime.task``.
        is_logit: Whether class scores are logits, see ``edgekit_runtime.task.Kind``.
    Raises:
        DataError: The shapes differ, or the ground truth is not compatible with the output.
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
    if ground_truth is not None and kind == CLASSES:
        require_compatible_ground_truth(kind, reference, ground_truth)
        tops = [float(np.mean(predicted_classes(outputs) == ground_truth)) for outputs in scores]
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
    """Share of equal classes or labels, averaged over the examples; None for other kinds."""
    if kind not in METRICS["agreement"].kinds:
        return None
    same = np.asarray(truth_of(kind, reference) == truth_of(kind, candidate))
    return float(same.reshape(len(same), -1).mean(1).mean())
