"""Reads data for training into memory: one class per example, with a held-back part."""

from __future__ import annotations

import hashlib
import math

import numpy as np

from edgekit.datasets.dataset import LARGEST_BYTES, Dataset
from edgekit.datasets.model_inputs import DEFAULT_PIXEL_RANGE, finite
from edgekit.datasets.opening import DataRequest, open_source
from edgekit.datasets.readers.functions import FunctionExamples
from edgekit.datasets.source import Source, as_digests, row_hashes
from edgekit.datasets.splitting import hold_back
from edgekit_converters.lowering import ModelInput
from edgekit_runtime.errors import DataError
from edgekit_runtime.task import UNNAMED

#: More than any image classifier has.
_MOST_CLASSES = 100_000
_ROWS_AT_ONCE = 64
_ONE_CLASS_EACH = "one class number for each example"


def read_training_set(
    request: DataRequest, *, image_size: tuple[int, int] | None = None, channels: int | None = None
) -> Dataset:
    """Read all examples and hold a part of them back.

    Args:
        request: The user's options for the data.
        image_size: Height and width to resize the images of a folder to; None uses the size of the first image.
        channels: Number of channels to convert the images of a folder to, 1 or 3; None uses that of the first image.
    Returns:
        Dataset with pixels as uint8 (N, H, W, C), other integers unchanged, and floats as float32.
    Raises:
        DataError: The source does not exist, is damaged, or cannot be used for training.
    """
    shape = (-1, *(image_size or (-1, -1)), channels or -1)
    source = open_source(request, [ModelInput("image", shape, "float32", pixels=DEFAULT_PIXEL_RANGE)])
    if isinstance(source, FunctionExamples):
        source = source.in_memory()
    y = _classes(source)
    x = _values(source)
    if source.held_back is None:
        in_test = hold_back(source.name, source.digests, y, seed=request.seed)
        learned = ~in_test
    else:
        in_test = source.held_back
        digests = as_digests(row_hashes(x))
        learned = ~in_test & ~np.isin(digests, digests[in_test])
        if len(np.unique(y[learned])) < 2:
            raise DataError(
                f"The training examples of {source.name} are nearly all among its test examples.",
                expected="examples of two classes or more that are only there to learn from",
                received=f"{np.count_nonzero(learned)} such examples",
                next_step="remove the test examples from the training part",
            )
    parts = x[learned], y[learned], x[in_test], y[in_test]
    return Dataset(
        source.name, *parts, source.labels or tuple(str(number) for number in range(y.max() + 1)), _digest(*parts)
    )


def _classes(source: Source) -> np.ndarray:
    """The class of each example, int64 (N,)."""
    y = source.ground_truth.get(UNNAMED)
    if y is None:
        raise DataError(
            f"No labels came with {source.name}.",
            expected=_ONE_CLASS_EACH,
            received=f"labels of the outputs {', '.join(source.ground_truth)}"
            if source.ground_truth
            else "examples alone",
            next_step="add y to the arrays, pass (inputs, labels), or sort the files into one sub-folder per class",
        )
    if y.ndim != 1:
        raise DataError(
            f"The labels of {source.name} do not fit its examples.",
            expected=_ONE_CLASS_EACH,
            received=f"labels of shape {y.shape}",
            next_step="give each example one class",
        )
    if y.dtype.kind != "i":
        raise DataError(
            f"The labels of {source.name} are not class numbers.",
            expected="whole numbers from 0, or names of classes",
            received=f"numbers such as {y[(y < 0) | (y != np.floor(y))][0]}",
            next_step="number the classes from 0 on",
        )
    _require_several_classes(source.name, y if source.held_back is None else y[~source.held_back])
    if y.max() >= _MOST_CLASSES:
        raise DataError(
            f"The labels of {source.name} are not class numbers.",
            expected=f"numbers from 0, at most {_MOST_CLASSES:,} classes",
            received=f"a label {y.max()}",
            next_step="number the classes from 0 on",
        )
    return y


def _require_several_classes(name: str, y: np.ndarray) -> None:
    if (y == y[0]).all():
        raise DataError(
            f"{name} has one class only.",
            expected="examples of two classes or more",
            received=f"{len(y)} examples, all of class {y[0]}",
            next_step="add examples of other classes",
        )


def _values(source: Source) -> np.ndarray:
    """All examples, (N, ...)."""
    x = _read_all(source)
    if x.dtype.kind == "f":
        return finite(x, f"{source.name} holds")
    if x.ndim in (3, 4) and x.min() >= 0 and x.max() <= 255:
        # These are pixels, whatever the integer type: the device scales uint8 only.
        x = x.astype(np.uint8, copy=False)
        return x[..., np.newaxis] if x.ndim == 3 else x
    return x


def _read_all(source: Source) -> np.ndarray:
    x = np.empty(0)
    for start in range(0, source.count, _ROWS_AT_ONCE):
        rows = np.arange(start, min(start + _ROWS_AT_ONCE, source.count))
        [values] = source.read(rows).values()
        if values.dtype.kind not in "iuf":
            raise DataError(
                f"The examples of {source.name} are not numbers.",
                expected="uint8 pixels, other integers, or floats",
                received=str(values.dtype),
                next_step="save the examples as numbers",
            )
        if values.dtype.kind == "f":
            # A number too large for float32 becomes infinite, which is refused later.
            with np.errstate(over="ignore"):
                values = values.astype(np.float32, copy=False)
        if start == 0:
            x = _room_for(source, values)
        if (values.dtype.kind == "f") != (x.dtype.kind == "f"):
            raise DataError(
                f"The examples of {source.name} are of different types.",
                expected=f"{x.dtype}, as the first one",
                received=f"{values.dtype} among {source.name_of(rows[0])} to {source.name_of(rows[-1])}",
                next_step="save all of them with one type",
            )
        x = x.astype(np.result_type(x, values), copy=False)
        x[rows] = values
    return x


def _room_for(source: Source, first: np.ndarray) -> np.ndarray:
    shape = (source.count, *first.shape[1:])
    if first.size == 0:
        raise DataError(
            f"{source.name} has no examples.",
            expected="examples with values",
            received=f"shape {shape}",
            next_step="check how x was saved",
        )
    size_bytes = math.prod(shape) * first.dtype.itemsize
    if size_bytes > LARGEST_BYTES:
        raise DataError(
            f"The {source.count} examples of {source.name} do not fit into memory.",
            expected=f"at most {LARGEST_BYTES / 1e9:.0f} GB",
            received=f"{size_bytes / 1e9:,.1f} GB",
            next_step="pass fewer or smaller examples",
        )
    return np.empty(shape, first.dtype)


def _digest(*arrays: np.ndarray) -> str:
    """SHA-256 in hex, by which training records and checkpoints are compared."""
    whole = hashlib.sha256()
    for array in arrays:
        whole.update(f"{array.dtype}{array.shape}".encode())
        whole.update(np.ascontiguousarray(array).data)
    return whole.hexdigest()
