"""Resizing of uint8 images in integer arithmetic, equal on every machine."""

from __future__ import annotations

import numpy as np

# 255 * 2**22 leaves room for the rounding term in an int32 sum.
_FRACTION_BITS = 22


#: ``stretch`` and ``nearest`` change the proportions, ``crop`` cuts what is too long, ``pad`` adds black beside it.
RESIZE_MODES = ("stretch", "crop", "pad", "nearest")


def resize(images: np.ndarray, height: int, width: int, mode: str) -> np.ndarray:
    """Bring images to a size.

    Args:
        images: uint8 of shape (N, H, W, C).
        height: Rows wanted.
        width: Columns wanted.
        mode: One of :data:`RESIZE_MODES`; all but ``nearest`` are bilinear.
    Returns:
        uint8 of shape (N, height, width, C); ``images`` itself where the size is right already.
    """
    rows, columns = images.shape[1:3]
    if (rows, columns) == (height, width):
        return images
    if mode == "nearest":
        rows_taken, columns_taken = _centres(rows, height), _centres(columns, width)
        return images[:, rows_taken[:, np.newaxis], columns_taken]
    if mode == "crop":
        kept_rows = min(rows, max(1, (columns * height + width // 2) // width))
        kept_columns = min(columns, max(1, (rows * width + height // 2) // height))
        top, left = (rows - kept_rows) // 2, (columns - kept_columns) // 2
        images = images[:, top : top + kept_rows, left : left + kept_columns]
    elif mode == "pad":
        inner_height = min(height, max(1, (rows * width + columns // 2) // columns))
        inner_width = min(width, max(1, (columns * height + rows // 2) // rows))
        top, left = (height - inner_height) // 2, (width - inner_width) // 2
        padded = np.zeros((len(images), height, width, images.shape[3]), np.uint8)
        inner = resize_bilinear(images, inner_height, inner_width)
        padded[:, top : top + inner_height, left : left + inner_width] = inner
        return padded
    return resize_bilinear(images, height, width)


def _centres(size: int, wanted: int) -> np.ndarray:
    """The pixel that lies under the centre of each wanted one."""
    return (2 * np.arange(wanted) + 1) * size // (2 * wanted)


def resize_bilinear(images: np.ndarray, height: int, width: int) -> np.ndarray:
    """Resize images with a triangle filter, widened where the image shrinks so that no pixel is skipped.

    This is Pillow's ``BILINEAR``, with the rows before the columns: a value can differ by one step.

    Args:
        images: uint8 of shape (N, H, W, C).
        height: Rows wanted.
        width: Columns wanted.
    Returns:
        uint8 of shape (N, height, width, C); ``images`` itself where the size is right already.
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
        # Rounded weights may add up to a hair over one.
        resized[:, row] = np.clip(total >> _FRACTION_BITS, 0, 255)
    return resized


def _triangle(row: int, source_rows: int, rows: int) -> tuple[int, np.ndarray]:
    """The first source row that ``row`` is made of, and the fixed-point weights from there on."""
    step = source_rows / rows
    reach = max(step, 1.0)
    centre = (row + 0.5) * step
    first = max(int(centre - reach + 0.5), 0)
    last = min(int(centre + reach + 0.5), source_rows)
    distance = np.abs(np.arange(first, last) + 0.5 - centre) / reach
    weights = np.maximum(1.0 - distance, 0.0)
    # A plain sum adds in a fixed order on every machine; numpy's own may not.
    weights /= sum(weights.tolist())
    return first, np.rint(weights * (1 << _FRACTION_BITS)).astype(np.int32)
