"""Non-maximum suppression: of boxes of one class that overlap, only the one with the highest score is kept."""

from __future__ import annotations

import numpy as np

from edgekit_runtime.boxes.candidates import Candidates

#: Candidates with the highest scores that take part; a head may have far more.
MOST_CANDIDATES = 10_000
# Overlaps are computed for a block of the best remaining boxes against all others at once: with one box at a time,
# calls into numpy would take longer than the arithmetic.
_BLOCK = 64


def suppress(
    candidates: Candidates, *, score_threshold: float, iou_threshold: float, max_detections: int
) -> np.ndarray:
    """Choose the boxes to report.

    Args:
        candidates: Boxes with their classes; those with NaN or without an area are never chosen.
        score_threshold: Smallest score of a chosen box.
        iou_threshold: Largest intersection over union of two chosen boxes of one class.
        max_detections: Largest number of chosen boxes.
    Returns:
        Indices of the chosen boxes, int64 (K,), the highest score first; ties are broken by the lower index.
    """
    boxes, scores, classes, _ = candidates
    chosen: list[int] = []
    # The area of an enormous box is infinite, and its overlap then 0 or NaN.
    with np.errstate(invalid="ignore", over="ignore"):
        has_area = (boxes[:, 2:] > boxes[:, :2]).all(1) & np.isfinite(boxes).all(1)
        waiting = np.flatnonzero(has_area & (scores >= score_threshold))
        waiting = waiting[np.argsort(-scores[waiting], kind="stable")[:MOST_CANDIDATES]]
        while len(waiting) and len(chosen) < max_detections:
            overlaps = _overlaps(boxes, classes, waiting[:_BLOCK], waiting, iou_threshold)
            kept = _kept_in_block(overlaps[:, :_BLOCK])
            chosen.extend(waiting[kept].tolist())
            waiting = waiting[_BLOCK:][~overlaps[kept, _BLOCK:].any(0)]
    return np.array(chosen[:max_detections], np.int64)


def intersection_over_union(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The overlap of each box with each other box.

    Args:
        first: (A, 4): x_min, y_min, x_max, y_max.
        second: (B, 4).
    Returns:
        (A, B), from 0 to 1; 0 for two boxes without an area.
    """
    shared = intersections(first, second)
    union = areas(first)[:, np.newaxis] + areas(second) - shared
    return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)


def intersections(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The area that each box of (A, 4) shares with each box of (B, 4), (A, B)."""
    width = np.minimum(first[:, np.newaxis, 2], second[:, 2]) - np.maximum(first[:, np.newaxis, 0], second[:, 0])
    height = np.minimum(first[:, np.newaxis, 3], second[:, 3]) - np.maximum(first[:, np.newaxis, 1], second[:, 1])
    return np.asarray(width.clip(0) * height.clip(0))


def areas(boxes: np.ndarray) -> np.ndarray:
    """The area of each box of (A, 4), (A,)."""
    return np.asarray((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]))


def _overlaps(
    boxes: np.ndarray, classes: np.ndarray, block: np.ndarray, waiting: np.ndarray, iou_threshold: float
) -> np.ndarray:
    """Whether each box of the block overlaps each waiting box of its class too much, bool (block, waiting)."""
    same_class = classes[block][:, np.newaxis] == classes[waiting]
    return (intersection_over_union(boxes[block], boxes[waiting]) > iou_threshold) & same_class


def _kept_in_block(overlaps: np.ndarray) -> list[int]:
    """Rows of a block, best first, that no better kept row overlaps."""
    kept: list[int] = []
    suppressed = np.zeros(len(overlaps), bool)
    for row in range(len(overlaps)):
        if not suppressed[row]:
            kept.append(row)
            suppressed |= overlaps[row]
    return kept
