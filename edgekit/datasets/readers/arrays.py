"""Arrays in an ``.npz`` file: ``x`` and ``y``, or ``x_train``, ``y_train``, ``x_test`` and ``y_test``."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np

from edgekit.datasets.assembly import make_dataset
from edgekit.datasets.dataset import LARGEST_BYTES, Dataset, Examples
from edgekit.datasets.readers.npy_header import UNREADABLE, read_header, require_unpacked_size
from edgekit_runtime.errors import DataError

_WHOLE = ("x", "y")
_SPLIT = ("x_train", "y_train", "x_test", "y_test")


def load_arrays(path: Path, *, seed: int, name: str | None = None) -> Dataset:
    """Load an ``.npz`` file, such as Keras's own ``mnist.npz``.

    Args:
        path: The file; arrays of Python objects in it are never unpickled.
        seed: Seed of the choice of what is held back, where the file doesn't say.
        name: The data set's name; None takes the path.
    Raises:
        DataError: The file is damaged, too large, or has other arrays.
    """
    with path.open("rb") as file:
        is_zip = file.read(2) == b"PK"
    if not is_zip:
        raise DataError(
            f"{path} is no data set.", expected="an .npz file or IDX files", received="a file of another kind"
        )
    try:
        arrays = _read(path)
    except UNREADABLE as error:
        raise DataError(
            f"{path} could not be read as .npz.",
            expected="arrays of numbers, as numpy.savez writes them",
            received=str(error) or type(error).__name__,
        ) from error
    train, *test = (Examples(x, y) for x, y in zip(arrays[::2], arrays[1::2], strict=True))
    return make_dataset(name or str(path), train, test[0] if test else None, (), seed=seed)


def _read(path: Path) -> list[np.ndarray]:
    """The arrays in the order of ``_SPLIT``, or of ``_WHOLE``."""
    with zipfile.ZipFile(path) as archive:
        unpacked = sum(member.file_size for member in archive.infolist())
    if unpacked > LARGEST_BYTES:
        raise DataError(
            f"{path} unpacks to {unpacked / 1e9:,.1f} GB.",
            expected=f"at most {LARGEST_BYTES / 1e9:.0f} GB",
            next_step="save fewer examples, or pixels as uint8",
        )
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            if member.filename.removesuffix(".npy") in _SPLIT + _WHOLE:
                with archive.open(member) as stream:
                    require_unpacked_size(read_header(stream))
    with np.load(path, allow_pickle=False) as members:
        wanted = next((names for names in (_SPLIT, _WHOLE) if set(names) <= set(members.files)), None)
        if wanted is None:
            raise DataError(
                f"{path} has none of the arrays that a data set needs.",
                expected=f"{', '.join(_WHOLE)}, or {', '.join(_SPLIT)}",
                received=", ".join(sorted(members.files)) or "no arrays",
            )
        arrays = [members[name] for name in wanted]
    # numpy hands a member that is no array back as its bytes.
    if not all(isinstance(array, np.ndarray) for array in arrays):
        raise ValueError("a member that is no array")
    return arrays
