"""Reads IDX files, the format of MNIST, plain or gzipped."""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path
from typing import BinaryIO

import numpy as np

from edgekit.datasets.dataset import LARGEST_BYTES, MOST_EXAMPLES
from edgekit_runtime.errors import DataError

_UINT8 = 0x08
#: Maximum compression ratio of Deflate.
_LARGEST_PACKING = 1032
_BLOCK_BYTES = 1 << 20
_IMAGES, _LABELS = "images", "labels"


def open_idx(path: Path) -> dict[str, np.ndarray]:
    """Read one file of images with the file of labels next to it, or a folder of such files.

    Args:
        path: File of images, or a folder; its ``train-`` and ``t10k-`` files are two parts.
    Returns:
        uint8 arrays ``x`` and ``y``, or ``x_train``, ``y_train``, ``x_test`` and ``y_test``.
    Raises:
        DataError: A file is missing, is truncated, or is not an IDX file.
    """
    files = _files(path)
    endings = ("_train", "_test") if len(files) == 2 else ("",)
    arrays: dict[str, np.ndarray] = {}
    for ending, file in zip(endings, files, strict=True):
        arrays[f"x{ending}"], arrays[f"y{ending}"] = _read_pair(file)
    return arrays


def _files(path: Path) -> list[Path]:
    """The file of images, or the training file followed by the test file."""
    images = find_images(path) if path.is_dir() else [path]
    train = [file for file in images if file.name.startswith("train")]
    test = [file for file in images if file not in train]
    if len(train) > 1 or len(test) > 1:
        raise DataError(
            f"{path} holds several files of images.",
            expected="one, or one whose name starts with train and another",
            received=", ".join(file.name for file in images),
            next_step="pass the one file",
        )
    return train + test


def find_images(folder: Path) -> list[Path]:
    """The IDX files of images in a folder, by MNIST's naming; a file and its gzipped copy count as one."""
    files = {
        file.name.removesuffix(".gz"): file
        for file in sorted(folder.iterdir(), reverse=True)
        if file.is_file() and _IMAGES in file.name and "ubyte" in file.name
    }
    return sorted(files.values())


def is_idx(path: Path) -> bool:
    """Whether a file starts like an IDX file of bytes, plain or gzipped."""
    try:
        with _open(path) as stream:
            return stream.read(3) == bytes((0, 0, _UINT8))
    except (OSError, EOFError, zlib.error):
        return False


def read_idx(path: Path) -> np.ndarray:
    """Read one IDX file of bytes.

    Returns:
        Values, uint8, with the shape in the header.
    Raises:
        DataError: The file is missing, is truncated, or is not an IDX file of bytes.
    """
    try:
        with _open(path) as stream:
            return _read(stream, path)
    except (OSError, EOFError, MemoryError, zlib.error) as error:
        raise _unreadable(path, error) from error


def _read(stream: BinaryIO, path: Path) -> np.ndarray:
    shape = _shape(stream, path)
    values = np.empty(shape, np.uint8)
    received = _fill(values.reshape(-1).data, stream)
    if received != values.size or stream.read(1):
        raise DataError(
            f"{path} is {'truncated' if received < values.size else 'longer than it states'}.",
            expected=f"{values.size} bytes for shape {shape}",
            received=f"{received} bytes" if received < values.size else "more",
            next_step="get the file again",
        )
    return values


def _fill(place: memoryview, stream: BinaryIO) -> int:
    """Read into ``place`` and return the number of bytes read; memory is touched only for bytes that exist."""
    start = 0
    while start < len(place):
        block = stream.read(min(_BLOCK_BYTES, len(place) - start))
        if not block:
            break
        place[start : start + len(block)] = block
        start += len(block)
    return start


def _shape(stream: BinaryIO, path: Path) -> tuple[int, ...]:
    """Read the shape from the header."""
    header = stream.read(4)
    if len(header) < 4 or header[:2] != b"\0\0" or header[2] != _UINT8 or not 1 <= header[3] <= 4:
        raise DataError(
            f"{path} is not an IDX file of bytes.",
            expected="a header of 00 00 08 and the number of dimensions",
            received=header.hex(" ") or "an empty file",
            next_step="get the file again, or save other numbers than bytes as an .npz",
        )
    sizes = stream.read(4 * header[3])
    if len(sizes) < 4 * header[3]:
        raise DataError(f"{path} is truncated.", received="an end within the header", next_step="get the file again")
    shape: tuple[int, ...] = struct.unpack(f">{header[3]}I", sizes)
    size_bytes = path.stat().st_size
    if math.prod(shape) > min(LARGEST_BYTES, _LARGEST_PACKING * size_bytes) or shape[0] > MOST_EXAMPLES:
        raise DataError(
            f"{path} declares an implausible size.",
            expected=f"at most {LARGEST_BYTES / 1e9:.0f} GB and {MOST_EXAMPLES:,} examples, as the file's size allows",
            received=f"shape {shape} in a file of {size_bytes:,} bytes",
            next_step="get the file again",
        )
    return shape


def _read_pair(images: Path) -> tuple[np.ndarray, np.ndarray]:
    name = images.name.replace(_IMAGES, _LABELS).replace("idx3", "idx1").removesuffix(".gz")
    candidates = [images.with_name(name), images.with_name(name + ".gz")]
    labels = next((file for file in candidates if file.is_file() and file != images), None)
    if labels is None or _IMAGES not in images.name:
        raise DataError(
            f"{images} has no labels.",
            expected=f"a name with '{_IMAGES}', and a file with '{_LABELS}' in its place beside it",
            received=f"no {name}" if _IMAGES in images.name else f"the name {images.name}",
            next_step="put the file of labels beside the images, under this name",
        )
    # The shapes are compared first, because a gzipped file can unpack to a thousand times its size.
    of_images, of_labels = _stated_shape(images), _stated_shape(labels)
    if of_labels != of_images[:1]:
        raise DataError(
            f"{labels} does not fit {images.name}.",
            expected=f"a label for each of {of_images[0]:,} images",
            received=f"labels of shape {of_labels}",
            next_step="get both files again",
        )
    return read_idx(images), read_idx(labels)


def _stated_shape(path: Path) -> tuple[int, ...]:
    try:
        with _open(path) as stream:
            return _shape(stream, path)
    except (OSError, EOFError, zlib.error) as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> DataError:
    return DataError(
        f"{path} could not be read.",
        expected="an IDX file, plain or gzipped",
        received=str(error) or type(error).__name__,
        next_step="get the file again",
    )


def _open(path: Path) -> BinaryIO:
    with path.open("rb") as probe:
        zipped = probe.read(2) == b"\x1f\x8b"
    return gzip.open(path, "rb") if zipped else path.open("rb")  # type: ignore[return-value]
