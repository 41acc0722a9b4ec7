"""What every source's examples must be, wherever they come from."""

from __future__ import annotations

import numpy as np

from edgekit.datasets.dataset import Examples
from edgekit.datasets.model_inputs import finite
from edgekit_runtime.errors import DataError


def checked(name: str, examples: Examples) -> Examples:
    """Check a source's examples and bring them to one form.

    Args:
        name: What the user called the source, for messages.
        examples: Any numbers, and a whole number from 0 for each.
    Returns:
        Pictures as uint8 (N, H, W, C), other numbers as float32 or as the integers they are; classes as int64 (N,).
    Raises:
        DataError: There are none, they hold NaN or infinity, or the labels do not fit.
    """
    if examples.x.ndim == 0 or examples.x.size == 0:
        raise DataError(
            f"{name} has no examples.", expected="an array of examples", received=f"shape {examples.x.shape}"
        )
    return Examples(_checked_values(name, examples.x), _checked_classes(name, examples.y, len(examples.x)))


def _checked_classes(name: str, y: np.ndarray, count: int) -> np.ndarray:
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.shape != (count,):
        raise DataError(
            f"The labels of {name} do not fit its examples.",
            expected=f"one class number for each of {count} examples",
            received=f"labels of shape {y.shape}",
            next_step="turn one-hot labels into numbers with y.argmax(1)" if y.ndim == 2 else "check how y was saved",
        )
    if y.dtype.kind in "iuf":
        # What is no whole number, NaN and infinity too, is another number after the cast.
        with np.errstate(invalid="ignore"):
            classes = y.astype(np.int64)
        # Beyond 2^53 a float equals whole numbers that it is not, and 2^63 has overflowed.
        wrong = (classes != y) | (classes < 0) | (classes >= 2**53)
    else:
        classes, wrong = np.zeros(count, np.int64), np.ones(count, bool)
    if wrong.any():
        raise DataError(
            f"The labels of {name} are no class numbers.",
            expected="whole numbers from 0",
            received=f"{y.dtype} values such as {y[wrong][0]}",
        )
    return classes


def _checked_values(name: str, x: np.ndarray) -> np.ndarray:
    if x.dtype.kind not in "iuf":
        raise DataError(
            f"The examples of {name} are no numbers.",
            expected="uint8 pixels, other integers, or floats",
            received=str(x.dtype),
        )
    if x.dtype.kind == "f":
        return finite(x, f"{name} holds")
    if x.ndim in (3, 4) and x.min() >= 0 and x.max() <= 255:
        # Pixels, however wide the integers that hold them: the device scales uint8, and only uint8.
        x = x.astype(np.uint8, copy=False)
        return x[..., np.newaxis] if x.ndim == 3 else x
    return x
