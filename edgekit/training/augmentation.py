"""Augments images of digits by small rotations, shifts, zooms and shears, but never by mirroring."""

from __future__ import annotations

from typing import Any

import numpy as np

_ROTATION_RAD = np.deg2rad(10)
_SHIFT = 0.07
_ZOOM = 0.1
_SHEAR = 0.1


def transform(images: Any, transforms: Any) -> Any:
    """Apply an affine transform to every image with bilinear interpolation; pixels outside an image repeat its edge.

    Args:
        images: float32 tensor (N, H, W, C).
        transforms: float32 tensor (N, 8), see ``random_transforms``.
    Returns:
        float32 tensor (N, H, W, C).
    """
    import tensorflow as tf

    return tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=transforms,
        output_shape=images.shape[1:3],
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="NEAREST",
    )


def random_transforms(count: int, height: int, width: int, generator: np.random.Generator) -> np.ndarray:
    """Draw random affine transforms from output to input pixels, about the centre of the image.

    Args:
        count: Number of transforms.
        height: Height of the images in pixels.
        width: Width of the images in pixels.
        generator: Random number generator.
    Returns:
        float32 (count, 8): a0, a1, a2, b0, b1, b2, 0, 0 with x' = a0·x + a1·y + a2 and y' = b0·x + b1·y + b2, the
        format of TensorFlow's ``ImageProjectiveTransformV3``.
    """
    angle = generator.uniform(-_ROTATION_RAD, _ROTATION_RAD, count)
    zoom = generator.uniform(1 - _ZOOM, 1 + _ZOOM, count)
    shear = generator.uniform(-_SHEAR, _SHEAR, count)
    shift_x, shift_y = generator.uniform(-_SHIFT, _SHIFT, (2, count)) * np.array([[width], [height]])
    cos, sin = np.cos(angle) * zoom, np.sin(angle) * zoom
    # Rotation and zoom times a horizontal shear.
    a0, a1 = cos, shear * cos - sin
    b0, b1 = sin, shear * sin + cos
    centre_x, centre_y = (width - 1) / 2, (height - 1) / 2
    a2 = centre_x + shift_x - a0 * centre_x - a1 * centre_y
    b2 = centre_y + shift_y - b0 * centre_x - b1 * centre_y
    zeros = np.zeros(count)
    return np.stack([a0, a1, a2, b0, b1, b2, zeros, zeros], axis=1).astype(np.float32)
