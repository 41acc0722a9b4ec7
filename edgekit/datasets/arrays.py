"""Arrays in an ``.npz`` file: ``x`` and ``y``, or ``x_train``, ``y_train``, ``x_test`` and ``y_test``."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np

from edgekit.datasets.dataset import Dataset, Examples, make_dataset
from edgekit_runtime.errors import DataError


def load_arrays(path: Path, *, seed: int) -> Dataset:
    """Load an ``.npz`` file, such as Keras's own ``mnist.npz``.

    Args:
        path: The file; arrays of Python objects in it are never unpickled.
        seed: Seed of the choice of what is held back, where the file doesn't say.
    Raises:
        DataError: The file is damaged or has other arrays.
    """
    if not zipfile.is_zipfile(path):
        raise DataError(
            f"{path} is no data set.", expected="an .npz file or IDX files", received="a file of another kind"
        )
    try:
        with np.load(path, allow_pickle=False) as arrays:
            names = set(arrays.files)
            if {"x_train", "y_train", "x_test", "y_test"} <= names:
                train, test = (
                    Examples(arrays["x_train"], arrays["y_train"]),
                    Examples(arrays["x_test"], arrays["y_test"]),
                )
            elif {"x", "y"} <= names:
                train, test = Examples(arrays["x"], arrays["y"]), None
            else:
                raise DataError(
                    f"{path} has none of the arrays that a data set needs.",
                    expected="x and y, or x_train, y_train, x_test and y_test",
                    received=", ".join(sorted(names)) or "no arrays",
                )
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        reason = "arrays of Python objects" if "allow_pickle" in str(error) else str(error)
        raise DataError(f"{path} could not be read as .npz.", received=reason) from error
    return make_dataset(str(path), train, test, (), seed=seed)
