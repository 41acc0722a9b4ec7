"""Converts model inputs back to images for display."""

from __future__ import annotations

import numpy as np

from edgekit_runtime.inputs.preprocessing import Preprocessing

#: Larger images are reduced by keeping every second, third, … pixel.
_LARGEST_SIDE = 112


def as_images(values: np.ndarray, preprocessing: Preprocessing) -> np.ndarray:
    """Undo the preprocessing of a batch of images.

    Args:
        values: Real values at the model's input, (N, H, W, 1 or 3) or, for channels first, (N, 1 or 3, H, W).
        preprocessing: Preprocessing that produced the values.
    Returns:
        uint8 in RGB order, at most 112 pixels high and wide.
    """
    values = preprocessing.as_images(values)
    step = max(1, -(-max(values.shape[1:3]) // _LARGEST_SIDE))
    small = values[:, ::step, ::step].astype(np.float64)
    scale, offset = np.asarray(preprocessing.scale), np.asarray(preprocessing.offset)
    pixels = np.rint((small - offset) / scale).clip(0, 255).astype(np.uint8)
    return pixels[..., ::-1] if preprocessing.color_order == "bgr" else pixels
