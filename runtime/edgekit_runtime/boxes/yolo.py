"""Decodes the heads of YOLO v5 (with anchors) and of YOLO v8 and v11 (without).

Sources: ``Detect`` in Ultralytics' ``yolov5/models/yolo.py`` for v5; for the distributions of v8, Li et al.,
"Generalized Focal Loss" (2020), section 3.2.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgekit_runtime.boxes.candidates import Candidates, best_class, cell_centres, corners, sigmoid, softmax
from edgekit_runtime.boxes.head import Head, as_probabilities, mismatch

#: Values before the classes: a box, and in v5 the score of any object.
_BOX, _BOX_AND_OBJECT = 4, 5


def decode_v5(outputs: Sequence[np.ndarray], head: Head) -> Candidates:
    """Decode rows x, y, width, height, object, classes; see ``layouts.HeadLayout.decode``."""
    rows = _all_rows(outputs, _grids(head), _ANCHORS_PER_CELL, _BOX_AND_OBJECT)
    boxes = corners(rows[:, :2], rows[:, 2:4]) * head.scale
    return best_class(boxes, as_probabilities(rows[:, 4:5]) * as_probabilities(rows[:, 5:]))


def decode_v5_raw(outputs: Sequence[np.ndarray], head: Head) -> Candidates:
    """Decode logits relative to grid and anchors; see ``layouts.HeadLayout.decode``."""
    grids, strides = _grids(head), head.numbers("strides")
    anchors = np.array(head.numbers("anchors"), np.float32)
    if anchors.size % (2 * len(strides)):
        raise mismatch(f"as many anchors for each of {len(strides)} strides", outputs)
    # (strides, anchors per cell, width and height)
    anchors = anchors.reshape(len(strides), -1, 2)
    per_cell = anchors.shape[1]
    rows = sigmoid(_all_rows(outputs, grids, per_cell, _BOX_AND_OBJECT))
    cells = np.concatenate([np.tile(cell_centres(*grid), (per_cell, 1)) for grid in grids])
    sizes = np.concatenate([np.repeat(own, h * w, axis=0) for own, (h, w) in zip(anchors, grids)])
    centres = (rows[:, :2] * 2 - 0.5 + cells) * _stride_of_each(grids, strides, per_cell)
    return best_class(corners(centres, np.square(rows[:, 2:4] * 2) * sizes), rows[:, 4:5] * rows[:, 5:])


def decode_v8(outputs: Sequence[np.ndarray], head: Head) -> Candidates:
    """Decode rows x, y, width, height, classes; see ``layouts.HeadLayout.decode``."""
    rows = _all_rows(outputs, _grids(head), 1, _BOX)
    return best_class(corners(rows[:, :2], rows[:, 2:4]) * head.scale, as_probabilities(rows[:, 4:]))


def decode_v8_raw(outputs: Sequence[np.ndarray], head: Head) -> Candidates:
    """Decode distributions of the distances to the four edges; see ``layouts.HeadLayout.decode``."""
    grids, bins = _grids(head), head.count("reg_max")
    rows = _all_rows(outputs, grids, 1, 4 * bins)
    distances = softmax(rows[:, : 4 * bins].reshape(-1, 4, bins)) @ np.arange(bins, dtype=np.float32)
    centres = np.concatenate([cell_centres(*grid) for grid in grids]) + np.float32(0.5)
    edges = np.concatenate([centres - distances[:, :2], centres + distances[:, 2:]], axis=1)
    boxes = edges * _stride_of_each(grids, head.numbers("strides"), 1)
    return best_class(boxes.astype(np.float32), sigmoid(rows[:, 4 * bins :]))


#: Of the decoded layout of v5, whose anchors are part of the model.
_ANCHORS_PER_CELL = 3


def _grids(head: Head) -> list[tuple[int, int]]:
    """Height and width of the grid of each stride, in cells."""
    return [(-int(-head.height // s), -int(-head.width // s)) for s in head.numbers("strides")]


def _stride_of_each(grids: Sequence[tuple[int, int]], strides: Sequence[float], per_cell: int) -> np.ndarray:
    """The stride of each row of :func:`_all_rows`, float32 (N, 1)."""
    counts = [height * width * per_cell for height, width in grids]
    return np.repeat(np.array(strides, np.float32), counts)[:, np.newaxis]


def _all_rows(
    outputs: Sequence[np.ndarray], grids: Sequence[tuple[int, int]], per_cell: int, before_classes: int
) -> np.ndarray:
    """One row per box, float32 (N, values): by stride, then anchor, then cell, row by row.

    The outputs may have all rows, as (N, values) or (values, N) and with the values divided among several outputs; or
    there is one output per stride: a map with its values first or last, or rows.
    """
    count = sum(height * width for height, width in grids) * per_cell
    whole = [_as_rows(output, count) for output in outputs]
    parts: list[np.ndarray | None] = []
    if len(outputs) == len(grids):
        by_size = sorted(outputs, key=lambda output: output.size, reverse=True)
        parts = [_level_rows(output, *grid, per_cell) for output, grid in zip(by_size, grids)]
    found = [rows for rows in whole if rows is not None]
    levels = [rows for rows in parts if rows is not None]
    rows: np.ndarray | None = None
    if len(found) == len(outputs):
        rows = np.concatenate(found, axis=1)
    elif len(levels) == len(outputs) and len({part.shape[1] for part in levels}) == 1:
        rows = np.concatenate(levels)
    if rows is None or rows.shape[1] <= before_classes:
        grid_sizes = ", ".join(f"{height} × {width}" for height, width in grids)
        raise mismatch(f"{count} boxes of more than {before_classes} values, on grids of {grid_sizes}", outputs)
    return np.asarray(rows, np.float32)


def _as_rows(output: np.ndarray, count: int) -> np.ndarray | None:
    if output.ndim != 2 or count not in output.shape:
        return None
    return output if output.shape[0] == count else output.T


def _level_rows(output: np.ndarray, height: int, width: int, per_cell: int) -> np.ndarray | None:
    """The rows of one stride's output; ``None`` if its shape does not have the stride's grid."""
    count = height * width * per_cell
    shape, grid = output.shape, (height, width)
    if output.ndim == 4 and shape[:3] == (per_cell, *grid):
        return output.reshape(count, -1)
    if output.ndim == 4 and shape[:3] == (*grid, per_cell):
        return output.transpose(2, 0, 1, 3).reshape(count, -1)
    if output.ndim == 3 and shape[:2] == grid and shape[2] % per_cell == 0:
        return output.reshape(*grid, per_cell, -1).transpose(2, 0, 1, 3).reshape(count, -1)
    if output.ndim == 3 and shape[1:] == grid and shape[0] % per_cell == 0:
        return output.reshape(per_cell, -1, *grid).transpose(0, 2, 3, 1).reshape(count, -1)
    return _as_rows(output, count)
