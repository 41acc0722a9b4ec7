"""Converts the ground truth of a source to one form: classes or real values."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

import numpy as np

from edgekit_runtime.errors import DataError

#: Key of true boxes in ground truth by output name: they belong to all outputs of a detector together. The array is
#: float32 (N, M, 6): class, x_min, y_min, x_max, y_max in pixels of the model's input, and 1 for a crowd. The class is
#: -1 in rows that are not used.
BOX_GROUND_TRUTH = "(boxes)"

_LARGEST_CLASS = 2**31 - 1
_WHITE = 255


class GroundTruthForm(Enum):
    """How the ground truth is given; the value is the form's name in messages."""

    NAMES = "names of classes"
    ONE_HOT = "one-hot classes"
    CLASSES = "class numbers"
    BLACK_AND_WHITE = "masks of 0 and 255"
    VALUES = "real numbers"


class GroundTruth(NamedTuple):
    """Ground truth in one form.

    Attributes:
        values: Classes, int64 (N, ...), or real values, float32 (N, ...).
        names: Class names if the ground truth was text.
        form: Form in which it was given.
    """

    values: np.ndarray
    names: tuple[str, ...]
    form: GroundTruthForm


def as_ground_truth(name: str, y: np.ndarray, count: int, form: GroundTruthForm | None = None) -> GroundTruth:
    """Convert the ground truth of a source to one form.

    Integers from 0, one-hot rows and text are classes; other numbers are real values. Maps and sequences of classes
    may also be one-hot along the last axis; a last axis of size 1 is removed.

    Args:
        name: Name of the source, for messages.
        y: One row per example.
        count: Number of examples.
        form: Form in which the ground truth is given; None detects it. Later batches of a stream have the form of the
            first batch even if they look different: a batch of real values may happen to contain integers only.
    Raises:
        DataError: The number of labels differs from that of the examples, they are neither numbers nor text, or they
            have another form.
    """
    y = _checked(name, y, count)
    own = _form_of(y)
    form = form or own
    if not _may_be(y, own, form):
        raise DataError(
            f"The labels of {name} change their form.",
            expected=f"{form.value}, as in the first batch",
            received=f"{own.value} in a later one",
            next_step="give all labels as class numbers from 0, or save several labels per example as an .npz",
        )
    if form is GroundTruthForm.NAMES:
        names, numbers = np.unique(y.astype(str), return_inverse=True)
        return GroundTruth(numbers.reshape(y.shape).astype(np.int64), tuple(map(str, names)), form)
    if form is GroundTruthForm.VALUES:
        return GroundTruth(y.astype(np.float32), (), form)
    if form is GroundTruthForm.ONE_HOT:
        return GroundTruth(y.argmax(-1).astype(np.int64), (), form)
    classes = y // _WHITE if form is GroundTruthForm.BLACK_AND_WHITE else y
    return GroundTruth(without_last_axis_of_one(classes).astype(np.int64), (), form)


def _checked(name: str, y: np.ndarray, count: int) -> np.ndarray:
    """Check the ground truth and remove a second axis of size 1; one row per example remains."""
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
        return y
    if y.dtype.kind not in "biuf":
        raise DataError(
            f"The labels of {name} are neither numbers nor text.",
            expected="class numbers from 0, class names, or real numbers",
            received=str(y.dtype),
        )
    if y.dtype.kind == "f" and not np.isfinite(y).all():
        raise DataError(
            f"The labels of {name} contain values that are not finite.",
            expected="finite values",
            received=f"NaN or infinity in {np.count_nonzero(~np.isfinite(y))} of {y.size} labels",
            next_step="drop these examples, or fill the gaps",
        )
    _require_range(name, y)
    return y


def _form_of(y: np.ndarray) -> GroundTruthForm:
    if y.dtype.kind in "US":
        return GroundTruthForm.NAMES
    are_bits = bool(((y == 0) | (y == 1)).all())
    if are_bits and _is_one_hot(y):
        return GroundTruthForm.ONE_HOT
    if (y.dtype.kind in "biu" and y.min(initial=0) >= 0) or (are_bits and y.ndim > 2):
        return GroundTruthForm.BLACK_AND_WHITE if not are_bits and _is_black_and_white(y) else GroundTruthForm.CLASSES
    is_whole = y.ndim == 1 and y.min(initial=0) >= 0 and bool((y == np.floor(y)).all())
    return GroundTruthForm.CLASSES if is_whole else GroundTruthForm.VALUES


def _may_be(y: np.ndarray, own: GroundTruthForm, form: GroundTruthForm) -> bool:
    """Whether ground truth that looks like ``own`` can also be of ``form``."""
    if form is GroundTruthForm.CLASSES:
        return own is form or (
            own in (GroundTruthForm.ONE_HOT, GroundTruthForm.BLACK_AND_WHITE) and y.dtype.kind in "biu"
        )
    if form is GroundTruthForm.BLACK_AND_WHITE:
        return own is form or (y.dtype.kind in "biu" and _is_black_and_white(y))
    return own is form or (form is GroundTruthForm.VALUES and own is not GroundTruthForm.NAMES)


def _require_range(name: str, y: np.ndarray) -> None:
    """Refuse integers that would overflow as classes and real numbers that would overflow as float32."""
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


def _is_black_and_white(y: np.ndarray) -> bool:
    """Whether the ground truth may be masks that were saved as black-and-white images."""
    return y.ndim > 2 and bool(((y == 0) | (y == _WHITE)).all())


def without_last_axis_of_one(y: np.ndarray) -> np.ndarray:
    """Remove a last axis of size 1, which masks saved as images have, so that classes can be compared."""
    return y[..., 0] if y.ndim > 2 and y.shape[-1] == 1 else y
