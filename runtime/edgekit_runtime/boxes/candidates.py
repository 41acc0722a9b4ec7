"""Boxes as a head gives them, before overlapping ones are removed; and arithmetic that heads share."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

#: exp() and float32 overflow far beyond this, and no box is e^20 times larger than its anchor.
_LARGEST_EXPONENT = 20.0


class Candidates(NamedTuple):
    """Boxes of one image, each with its best class.

    Attributes:
        boxes: float32 (M, 4): x_min, y_min, x_max, y_max in pixels of the model's input. Values may be outside it, or
            NaN.
        scores: float32 (M,), from 0 to 1; may be NaN.
        classes: int64 (M,), starting at 0.
        class_count: Number of classes; 0 if the head does not say.
    """

    boxes: np.ndarray
    scores: np.ndarray
    classes: np.ndarray
    class_count: int = 0


def best_class(boxes: np.ndarray, scores: np.ndarray) -> Candidates:
    """Keep the best class of each box.

    Args:
        boxes: float32 (M, 4), as in :class:`Candidates`.
        scores: float32 (M, C).
    """
    # The maximum of NaN and a number is NaN, so a row with any NaN is dropped later.
    classes = scores.argmax(1)
    return Candidates(boxes, scores[np.arange(len(scores)), classes], classes, scores.shape[1])


def sigmoid(values: np.ndarray) -> np.ndarray:
    """``1 / (1 + exp(-x))`` in float32, without overflow."""
    # The sigmoid does not change beyond 80, and float32 would overflow.
    return np.asarray(1 / (1 + np.exp(-np.clip(values, -80, 80))), np.float32)


def softmax(values: np.ndarray) -> np.ndarray:
    """The softmax over the last axis, in float32."""
    powers = np.exp(values - values.max(-1, keepdims=True))
    return np.asarray(powers / powers.sum(-1, keepdims=True), np.float32)


def bounded_exp(values: np.ndarray) -> np.ndarray:
    """``exp(x)``, where larger exponents count as 20."""
    return np.exp(np.minimum(values, _LARGEST_EXPONENT))


def corners(centres: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Corners of boxes, float32 (M, 4), from their centres and sizes, (M, 2) each, x before y."""
    half = sizes / 2
    return np.concatenate([centres - half, centres + half], axis=1).astype(np.float32)


def cell_centres(height: int, width: int) -> np.ndarray:
    """Column and row of each cell of a grid, row by row: float32 (height * width, 2), the first cell at 0, 0."""
    rows, columns = np.divmod(np.arange(height * width), width)
    return np.stack([columns, rows], axis=1).astype(np.float32)
