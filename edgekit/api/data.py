"""``edgekit.load_data``, and the handling of data that Python callers pass to the other functions."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from edgekit.api.arguments import as_count, as_path, type_name
from edgekit_runtime.errors import ArgumentTypeError, UsageError

if TYPE_CHECKING:
    from edgekit.datasets.dataset import Dataset
    from edgekit.datasets.readers.memory import MemoryData

#: Data that functions accept: a name or path, arrays, an iterable of batches, or a function that returns one of these.
DataSource = Any
#: Largest seed that every random generator accepts.
LARGEST_SEED = 2**32 - 1


def data_of(data: Any, name: str = "data") -> str | MemoryData:
    """Convert an argument to data that edgekit can read: a name or path as text, or data in memory.

    Args:
        data: Value of the argument.
        name: Name of the argument.
    Raises:
        ArgumentTypeError: The value has none of the accepted forms.
    """
    if isinstance(data, (str, os.PathLike)):
        return str(as_path(data, name)) if isinstance(data, os.PathLike) else _text(data, name)
    from edgekit.datasets.readers.memory import memory_data

    found = memory_data(data)
    if found is None:
        raise ArgumentTypeError(
            f"{name} is not data.",
            expected="a name or path, an array, a dict by input name, (inputs, labels), an iterable of batches, or a "
            "function that returns one",
            received=type_name(data),
            next_step=f"pass {name}=(x, y) with numpy arrays",
        )
    return found


def optional_data(data: Any, name: str = "data") -> str | MemoryData | None:
    """:func:`data_of`, or None for None."""
    return None if data is None else data_of(data, name)


def _text(data: str, name: str) -> str:
    if not data:
        raise UsageError(f"{name} is empty.", expected="the name or path of data", received="an empty text")
    return data


def load_data(
    data: DataSource,
    *,
    seed: int = 0,
    image_size: tuple[int, int] | None = None,
    channels: int | None = None,
) -> Dataset:
    """Load labelled examples into memory, split into a training part and a held-back part.

    ``convert`` and ``validate`` accept the same data, read it in batches, and hold the same examples back.

    Args:
        data: ``"digits"``, ``"mnist"`` or ``"fashion-mnist"``; the path of an .npz or IDX file, or of a folder of
            images or .npy files with one sub-folder per class, as text or ``Path``; ``"python:module:function"``;
            ``(inputs, labels)`` as arrays with one row per example; a dict with ``x`` and ``y``; or an iterable of
            such pairs, each a batch or one example.
        seed: Seed for choosing the held-back examples, 0 to 2**32 - 1, if the source has no test part. Default: 0.
        image_size: Height and width in pixels to resize the images of a folder to. Default: those of the first image.
        channels: 1 (grayscale) or 3 (colour), for the images of a folder. Default: that of the first image.

    Returns:
        A ``Dataset``: ``x_train`` and ``x_test`` (N, ...), ``y_train`` and ``y_test`` (classes, int64 (N,)),
        ``labels`` (class names) and ``digest`` (SHA-256 of the whole content).

    Raises:
        EdgekitError: The data does not exist, is damaged, or has no labels.
        TypeError: An argument has the wrong type; the error is also an ``EdgekitError``.

    Example:
        >>> import edgekit
        >>> digits = edgekit.load_data("digits")
        >>> digits.x_train.shape, len(digits.x_test)
        ((1437, 28, 28, 1), 360)
    """
    from edgekit.datasets import load_dataset

    source = data_of(data)
    as_count(seed, "seed", lowest=0, highest=LARGEST_SEED)
    if channels not in (None, 1, 3):
        raise UsageError("channels has an unknown value.", expected="1 or 3", received=repr(channels))
    size = None
    if image_size is not None:
        if not isinstance(image_size, (tuple, list)) or len(image_size) != 2:
            raise ArgumentTypeError(
                "image_size has the wrong type.", expected="(height, width) in pixels", received=repr(image_size)
            )
        size = (as_count(image_size[0], "image_size"), as_count(image_size[1], "image_size"))
    return load_dataset(source, seed=seed, image_size=size, channels=channels)
