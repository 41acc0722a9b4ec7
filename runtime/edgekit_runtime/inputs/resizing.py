"""Resizes uint8 images in integer arithmetic, with equal results on every machine."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

# 255 * 2**22 leaves room for the rounding term in an int32 sum.
_FRACTION_BITS = 22


#: ``stretch`` and ``nearest`` change the aspect ratio, ``crop`` cuts off the excess, ``pad`` adds black borders, and
#: ``letterbox`` grey ones.
RESIZE_MODES = ("stretch", "crop", "pad", "letterbox", "nearest")
#: Pixel value of the borders. The grey is that of YOLO; source: ``letterbox`` in YOLO v5's ``augmentations.py``.
_BORDERS = {"pad": 0, "letterbox": 114}


class Region(NamedTuple):
    """A rectangle of whole pixels.

    Attributes:
        top: First row.
        left: First column.
        height: Number of rows.
        width: Number of columns.
    """

    top: int
    left: int
    height: int
    width: int

    @property
    def slices(self) -> tuple[slice, slice]:
        """The rows and columns, as an index of the last two axes of (…, H, W)."""
        return slice(self.top, self.top + self.height), slice(self.left, self.left + self.width)


class Placement(NamedTuple):
    """Which part of an image is resized to which part of a model's input.

    Attributes:
        source: Part of the image; the rest is cut off.
        target: Part of the input; the rest is border.
    """

    source: Region
    target: Region


def placement(rows: int, columns: int, height: int, width: int, mode: str) -> Placement:
    """Where :func:`resize` puts an image.

    Args:
        rows: Height of the image in pixels.
        columns: Width of the image in pixels.
        height: Target height in pixels.
        width: Target width in pixels.
        mode: One of :data:`RESIZE_MODES`.
    """
    source, target = Region(0, 0, rows, columns), Region(0, 0, height, width)
    if (rows, columns) == (height, width):
        return Placement(source, target)
    if mode == "crop":
        return Placement(_centred(source, height, width), target)
    if mode in _BORDERS:
        return Placement(source, _centred(target, rows, columns))
    return Placement(source, target)


def _centred(whole: Region, rows: int, columns: int) -> Region:
    """The largest region in the middle of ``whole`` with the aspect ratio ``rows`` to ``columns``."""
    _, _, height, width = whole
    inner_height = min(height, max(1, (rows * width + columns // 2) // columns))
    inner_width = min(width, max(1, (columns * height + rows // 2) // rows))
    return Region((height - inner_height) // 2, (width - inner_width) // 2, inner_height, inner_width)


def resize(images: np.ndarray, height: int, width: int, mode: str) -> np.ndarray:
    """Resize images.

    Args:
        images: uint8 of shape (N, H, W, C).
        height: Target height in pixels.
        width: Target width in pixels.
        mode: One of :data:`RESIZE_MODES`; all except ``nearest`` are bilinear.
    Returns:
        uint8 of shape (N, height, width, C); ``images`` itself if it already has this size.
    """
    rows, columns = images.shape[1:3]
    if (rows, columns) == (height, width):
        return images
    if mode == "nearest":
        row_indices, column_indices = _centres(rows, height), _centres(columns, width)
        return images[:, row_indices[:, np.newaxis], column_indices]
    source, target = placement(rows, columns, height, width, mode)
    images = images[(slice(None), *source.slices)]
    if mode not in _BORDERS:
        return resize_bilinear(images, height, width)
    bordered = np.full((len(images), height, width, images.shape[3]), _BORDERS[mode], np.uint8)
    bordered[(slice(None), *target.slices)] = resize_bilinear(images, target.height, target.width)
    return bordered


def _centres(size: int, wanted: int) -> np.ndarray:
    """For each target pixel, the source pixel under its centre."""
    return (2 * np.arange(wanted) + 1) * size // (2 * wanted)


def resize_bilinear(images: np.ndarray, height: int, width: int) -> np.ndarray:
    """Resize images with a triangle filter, which is widened when an image shrinks so that no pixel is skipped.

    This is Pillow's ``BILINEAR``, except that rows are resized before columns, so values can differ by one step.

    Args:
        images: uint8 of shape (N, H, W, C).
        height: Target height in pixels.
        width: Target width in pixels.
    Returns:
        uint8 of shape (N, height, width, C); ``images`` itself if it already has this size.
    """
    if images.shape[1] != height:
        images = _resize_rows(images, height)
    if images.shape[2] != width:
        images = _resize_rows(images.swapaxes(1, 2), width).swapaxes(1, 2)
    return images


def _resize_rows(images: np.ndarray, rows: int) -> np.ndarray:
    """Resize axis 1 of uint8 (N, H, …) to ``rows``."""
    resized = np.empty((images.shape[0], rows, *images.shape[2:]), np.uint8)
    for row in range(rows):
        first, weights = _triangle(row, images.shape[1], rows)
        total = np.full((images.shape[0], *images.shape[2:]), 1 << (_FRACTION_BITS - 1), np.int32)
        for source, weight in enumerate(weights, first):
            total += np.multiply(images[:, source], weight, dtype=np.int32)
        # The sum of the rounded weights may be slightly above one.
        resized[:, row] = np.clip(total >> _FRACTION_BITS, 0, 255)
    return resized


def _triangle(row: int, source_rows: int, rows: int) -> tuple[int, np.ndarray]:
    """The first source row that contributes to ``row``, and the fixed-point weights of the source rows from there."""
    step = source_rows / rows
    reach = max(step, 1.0)
    centre = (row + 0.5) * step
    first = max(int(centre - reach + 0.5), 0)
    last = min(int(centre + reach + 0.5), source_rows)
    distance = np.abs(np.arange(first, last) + 0.5 - centre) / reach
    weights = np.maximum(1.0 - distance, 0.0)
    # Python's sum() adds in a fixed order on every machine; numpy's sum may not.
    weights /= sum(weights.tolist())
    return first, np.rint(weights * (1 << _FRACTION_BITS)).astype(np.int32)
