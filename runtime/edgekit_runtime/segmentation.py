"""Converts the mask of a model to a class for each pixel of the image; imported by the first ``Model.segment()``."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from edgekit_runtime.classification import labels_for, predicted_classes
from edgekit_runtime.inputs.image_decoding import row_blocks
from edgekit_runtime.inputs.preprocessing import Preprocessing
from edgekit_runtime.inputs.resizing import Placement, Region, placement

#: Class of pixels that the model has not seen because resizing cut them off.
NOT_SEEN = -1


class Segmentation(NamedTuple):
    """The class of each pixel of an image.

    Attributes:
        class_map: Class of each pixel, int32 (height, width) of the image; ``NOT_SEEN`` outside the part that was
            passed to the model.
        labels: Label of each class; may be empty if the model itself chooses the classes.
        scores: Score of each class for each pixel, float32 (height, width, classes), 0 where the model has not seen;
            ``None`` unless requested.
    """

    class_map: np.ndarray
    labels: tuple[str, ...]
    scores: np.ndarray | None = None

    def areas(self) -> dict[str, int]:
        """Number of pixels of each class that occurs, by label, the largest first."""
        classes, counts = np.unique(self.class_map[self.class_map != NOT_SEEN], return_counts=True)
        order = np.argsort(-counts, kind="stable")
        return {self.label_of(int(classes[place])): int(counts[place]) for place in order}

    def label_of(self, index: int) -> str:
        """The label of a class, or its number."""
        return self.labels[index] if 0 <= index < len(self.labels) else str(index)

    def to_dict(self) -> dict[str, Any]:
        """Sizes and areas as plain values, for ``--json``; without the maps."""
        height, width = self.class_map.shape
        return {"height": height, "width": width, "areas": self.areas()}


def segment(
    mask: np.ndarray,
    preprocessing: Preprocessing,
    image_size: tuple[int, int],
    labels: tuple[str, ...],
    *,
    with_scores: bool = False,
) -> Segmentation:
    """Resize a mask to the image.

    Scores are interpolated before the best class is chosen, so that edges do not follow the cells of the mask; numbers
    of classes are repeated.

    Args:
        mask: Scores, float (h, w, classes), where a single one is the probability of the second of two classes; or
            numbers of classes, integers (h, w).
        preprocessing: How the image was resized to the model's input.
        image_size: Height and width of the image in pixels.
        labels: Names of the classes; empty for their numbers.
        with_scores: Whether to return the scores, too; not possible for numbers of classes.
    Raises:
        UsageError: There are more or fewer labels than classes.
    """
    input_size = preprocessing.height, preprocessing.width
    place = placement(*image_size, *input_size, preprocessing.resize)
    class_map = np.full(image_size, NOT_SEEN, np.int32)
    seen = class_map[place.source.slices]
    rows, columns = (_positions(place, input_size, mask.shape, axis) for axis in (0, 1))
    if mask.dtype.kind in "iu":
        seen[...] = mask[rows.astype(int)[:, np.newaxis], columns.astype(int)]
        return Segmentation(class_map, labels)
    channels = mask.shape[2]
    labels = labels_for(labels, max(channels, 2))
    scores = np.zeros((*image_size, max(channels, 2)), np.float32) if with_scores else None
    for block in row_blocks(place.source.height, place.source.width * channels):
        values = _interpolated(mask, rows[block] - 0.5, columns - 0.5)
        seen[block] = predicted_classes(values)
        if scores is not None:
            both = values if channels > 1 else np.concatenate([1 - values, values], axis=2)
            scores[place.source.slices][block] = both
    return Segmentation(class_map, labels, scores)


def _positions(place: Placement, input_size: tuple[int, int], mask_shape: tuple[int, ...], axis: int) -> np.ndarray:
    """The centre of each row (or column) of the seen part of the image, in cells of the mask: float64 (size,)."""
    (_, size), (target_start, target_size) = (_along(region, axis) for region in (place.source, place.target))
    centres = (np.arange(size) + 0.5) * target_size / size + target_start
    return np.asarray(centres * mask_shape[axis] / input_size[axis])


def _along(region: Region, axis: int) -> tuple[int, int]:
    return (region.left, region.width) if axis else (region.top, region.height)


def _interpolated(mask: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Bilinear interpolation of (h, w, classes) at positions of rows and columns, float32."""
    top, bottom, row_weight = _neighbours(rows, mask.shape[0])
    left, right, column_weight = _neighbours(columns, mask.shape[1])
    row_weight, column_weight = row_weight[:, np.newaxis, np.newaxis], column_weight[:, np.newaxis]
    between = mask[top] * (1 - row_weight) + mask[bottom] * row_weight
    return np.asarray(between[:, left] * (1 - column_weight) + between[:, right] * column_weight)


def _neighbours(positions: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The cells before and after each position, and the weight of the one after, float32."""
    inside = positions.clip(0, size - 1)
    before = np.floor(inside).astype(int)
    return before, np.minimum(before + 1, size - 1), (inside - before).astype(np.float32)
