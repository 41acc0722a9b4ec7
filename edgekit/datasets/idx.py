"""IDX files, the format of MNIST, plain or gzipped."""

from __future__ import annotations

import gzip
import struct
import zlib
from pathlib import Path
from typing import BinaryIO

import numpy as np

from edgekit.datasets.assembly import make_dataset
from edgekit.datasets.dataset import LARGEST_BYTES, Dataset, Examples
from edgekit_runtime.errors import DataError

_UINT8 = 0x08
#: Deflate packs at most 1032 bytes into one.
_LARGEST_PACKING = 1032
_IMAGES, _LABELS = "images", "labels"


def load_idx(path: Path, *, seed: int, name: str | None = None, labels: tuple[str, ...] = ()) -> Dataset:
    """Load IDX files: one file of images with its labels beside it, or a folder of them.

    A folder with ``train-`` and ``t10k-`` files keeps that split.

    Args:
        path: An images file, or a folder.
        seed: Seed of the choice of what is held back, where the files don't say.
        name: The data set's name; None takes the path.
        labels: Names of the classes; empty names them by their numbers.
    Raises:
        DataError: A file is missing, truncated, or no IDX file.
    """
    files = _files(path)
    first, *held_back = [_read_pair(file) for file in files]
    return make_dataset(name or str(path), first, held_back[0] if held_back else None, labels, seed=seed)


def open_idx(path: Path) -> dict[str, np.ndarray]:
    """The same files as arrays: ``x`` and ``y``, or ``x_train``, ``y_train``, ``x_test`` and ``y_test``.

    Raises:
        DataError: A file is missing, truncated, or no IDX file.
    """
    files = _files(path)
    endings = ("_train", "_test") if len(files) == 2 else ("",)
    arrays: dict[str, np.ndarray] = {}
    for ending, file in zip(endings, files, strict=True):
        pair = _read_pair(file)
        arrays |= {f"x{ending}": pair.x, f"y{ending}": pair.y}
    return arrays


def _files(path: Path) -> list[Path]:
    """The file of images, or that for training and the other."""
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
    """The IDX files of images in a folder, by the names that MNIST's files have; a zipped copy counts once."""
    files = {
        file.name.removesuffix(".gz"): file
        for file in sorted(folder.iterdir(), reverse=True)
        if file.is_file() and _IMAGES in file.name and "ubyte" in file.name
    }
    return sorted(files.values())


def is_idx(path: Path) -> bool:
    """Whether a file starts as an IDX file of bytes does, plain or gzipped."""
    try:
        with _open(path) as stream:
            return stream.read(3) == bytes((0, 0, _UINT8))
    except (OSError, EOFError, zlib.error):
        return False


def read_idx(path: Path) -> np.ndarray:
    """Read one IDX file of bytes.

    Returns:
        uint8, the shape that the file states.
    Raises:
        DataError: The file is missing, truncated, or no IDX file of bytes.
    """
    try:
        with _open(path) as stream:
            return _read(stream, path)
    except (OSError, EOFError, MemoryError, zlib.error) as error:
        reason = str(error) or type(error).__name__
        raise DataError(f"{path} could not be read.", received=reason, next_step="get the file again") from error


def _read(stream: BinaryIO, path: Path) -> np.ndarray:
    header = stream.read(4)
    if len(header) < 4 or header[:2] != b"\0\0" or header[2] != _UINT8 or not 1 <= header[3] <= 4:
        raise DataError(
            f"{path} is no IDX file of bytes.",
            expected="a header of 00 00 08 and the number of dimensions",
            received=header.hex(" ") or "an empty file",
        )
    sizes = stream.read(4 * header[3])
    if len(sizes) < 4 * header[3]:
        raise DataError(f"{path} is truncated.", received="an end within the header", next_step="get the file again")
    shape = struct.unpack(f">{header[3]}I", sizes)
    expected = int(np.prod(shape, dtype=object))
    size_bytes = path.stat().st_size
    if expected > min(LARGEST_BYTES, _LARGEST_PACKING * size_bytes):
        raise DataError(
            f"{path} states a size beyond sense.", received=f"shape {shape} in a file of {size_bytes:,} bytes"
        )
    content = stream.read(expected + 1)
    if len(content) != expected:
        raise DataError(
            f"{path} is {'truncated' if len(content) < expected else 'longer than it states'}.",
            expected=f"{expected} bytes for shape {shape}",
            received=f"{len(content)} bytes" if len(content) < expected else "more",
            next_step="get the file again",
        )
    return np.frombuffer(content, np.uint8).reshape(shape)


def _read_pair(images: Path) -> Examples:
    name = images.name.replace(_IMAGES, _LABELS).replace("idx3", "idx1").removesuffix(".gz")
    candidates = [images.with_name(name), images.with_name(name + ".gz")]
    labels = next((file for file in candidates if file.is_file() and file != images), None)
    if labels is None or _IMAGES not in images.name:
        raise DataError(
            f"{images} has no labels.",
            expected=f"a name with '{_IMAGES}', and a file with '{_LABELS}' in its place beside it",
            received=f"no {name}" if _IMAGES in images.name else f"the name {images.name}",
        )
    return Examples(read_idx(images), read_idx(labels))


def _open(path: Path) -> BinaryIO:
    with path.open("rb") as probe:
        zipped = probe.read(2) == b"\x1f\x8b"
    return gzip.open(path, "rb") if zipped else path.open("rb")  # type: ignore[return-value]
