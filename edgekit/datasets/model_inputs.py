"""A data set's examples as the input of a model."""

from __future__ import annotations

import numpy as np

from edgekit_runtime.errors import DataError
from edgekit_runtime.preprocessing import Preprocessing

#: What pixels 0 and 255 become, where neither the user nor the model says otherwise.
DEFAULT_PIXEL_RANGE = (0.0, 1.0)


def image_preprocessing(shape: tuple[int, ...], pixel_range: tuple[float, float]) -> Preprocessing | None:
    """How pictures become an input of ``shape``, or None where it takes no pictures.

    Args:
        shape: The input's sizes, batch axis first; (N, H, W, C) for pictures.
        pixel_range: Real values of pixels 0 and 255.
    """
    if len(shape) != 4 or shape[3] not in (1, 3) or min(shape[1:]) < 1:
        return None
    low, high = pixel_range
    return Preprocessing(shape[1], shape[2], shape[3], scale=(high - low) / 255, offset=low)


def to_model_input(
    examples: np.ndarray, shape: tuple[int, ...], dtype: str, pixel_range: tuple[float, float]
) -> np.ndarray:
    """Bring a data set's examples to a model's input.

    Args:
        examples: uint8 pixels (N, H, W, C), or values of any type that the model takes as they are.
        shape: The input's sizes, batch axis first; -1 where any size will do.
        dtype: numpy's name of the input's type.
        pixel_range: Real values of pixels 0 and 255.
    Returns:
        Shape (N, *shape[1:]), type ``dtype``.
    Raises:
        DataError: The examples have other sizes than the input.
    """
    preprocessing = image_preprocessing(shape, pixel_range)
    same = len(examples.shape) == len(shape) and all(
        size in (-1, given) for size, given in zip(shape[1:], examples.shape[1:], strict=True)
    )
    if not same:
        raise DataError(
            "The data does not fit the model's input.",
            expected=f"{_sizes(shape[1:])} an example",
            received=_sizes(examples.shape[1:]),
            next_step="pass data of that size, or a folder of images, which are brought to the model's size",
        )
    if preprocessing is not None and examples.dtype == np.uint8 and dtype == "float32":
        return preprocessing.normalize(examples)
    return examples.astype(dtype, copy=False)


def _sizes(shape: tuple[int, ...]) -> str:
    return " × ".join("any" if size == -1 else str(size) for size in shape)
