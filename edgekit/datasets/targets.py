"""What the examples should be answered with: class numbers, class names, or real numbers."""

from __future__ import annotations

import numpy as np

from edgekit_runtime.errors import DataError

_LARGEST_CLASS = 2**31 - 1
_WHITE = 255


def as_targets(name: str, y: np.ndarray, count: int) -> tuple[np.ndarray, tuple[str, ...]]:
    """Bring a source's labels to one form.

    Whole numbers from 0 are classes, one-hot rows and text are turned into these; other numbers are real targets. Maps
    and sequences of classes lose a last axis of size 1, and may be one-hot along the last axis, too.

    Args:
        name: What the user called the source, for messages.
        y: One row an example.
        count: Number of examples.
    Returns:
        int64 (N, ...) class numbers or float32 (N, ...) targets, and the classes' names where they were text.
    Raises:
        DataError: Their number differs from that of the examples, or they are neither numbers nor text.
    """
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim == 0 or len(y) != count:
        raise DataError(
            f"The labels of {name} do not fit its examples.",
            expected=f"one for each of {count} examples",
            received=f"labels of shape {y.shape}",
            next_step="check how y was saved",
        )
    if y.dtype.kind in "US":
        names, numbers = np.unique(y.astype(str), return_inverse=True)
        return numbers.reshape(y.shape).astype(np.int64), tuple(map(str, names))
    if y.dtype.kind not in "biuf":
        raise DataError(
            f"The labels of {name} are neither numbers nor text.",
            expected="class numbers from 0, class names, or real numbers",
            received=str(y.dtype),
        )
    if y.dtype.kind == "f" and not np.isfinite(y).all():
        raise DataError(
            f"The labels of {name} hold values that are no numbers.",
            expected="finite values",
            received=f"NaN or infinity in {np.count_nonzero(~np.isfinite(y))} of {y.size} labels",
        )
    _require_range(name, y)
    are_bits = bool(((y == 0) | (y == 1)).all())
    if are_bits and _is_one_hot(y):
        return y.argmax(-1).astype(np.int64), ()
    if (y.dtype.kind in "biu" and y.min(initial=0) >= 0) or (are_bits and y.ndim > 2):
        return _without_last_axis_of_one(_as_bits(y)).astype(np.int64), ()
    if y.ndim == 1 and y.min(initial=0) >= 0 and (y == np.floor(y)).all():
        return y.astype(np.int64), ()
    return y.astype(np.float32), ()


def _require_range(name: str, y: np.ndarray) -> None:
    """Refuse whole numbers that would overflow as classes, and real ones that would as float32."""
    largest = np.abs(y.astype(np.float64)).max(initial=0)
    is_whole = y.dtype.kind in "biu" or bool((y == np.floor(y)).all())
    if largest > (_LARGEST_CLASS if is_whole else np.finfo(np.float32).max):
        raise DataError(
            f"The labels of {name} are too large.",
            expected=f"class numbers up to {_LARGEST_CLASS:,}, or real numbers that float32 holds",
            received=f"{y.flat[np.abs(y.astype(np.float64)).argmax()]}",
            next_step="number the classes from 0 on, or scale what the model is to estimate",
        )


def _is_one_hot(bits: np.ndarray) -> bool:
    return bits.ndim >= 2 and bits.shape[-1] > 1 and bool((bits.sum(-1) == 1).all())


def _as_bits(y: np.ndarray) -> np.ndarray:
    """Masks saved as black and white pictures, of 0 and 255, as 0 and 1; all others as they are."""
    is_picture = y.ndim > 2 and bool(((y == 0) | (y == _WHITE)).all())
    return y // _WHITE if is_picture else y


def _without_last_axis_of_one(y: np.ndarray) -> np.ndarray:
    """Class numbers as they are compared: masks saved as pictures have such an axis."""
    return y[..., 0] if y.ndim > 2 and y.shape[-1] == 1 else y
