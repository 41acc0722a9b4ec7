"""A folder of images with one sub-folder a class."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from edgekit.datasets.dataset import Dataset, Examples, make_dataset
from edgekit_runtime.errors import DataError
from edgekit_runtime.preprocessing import Preprocessing

_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".pgm", ".ppm"})


def load_image_folder(folder: Path, *, seed: int, image_size: tuple[int, int] | None, channels: int | None) -> Dataset:
    """Load images by class; the sub-folders' names become the labels.

    Sub-folders ``train`` and ``test`` that hold the classes keep that split.

    Args:
        folder: The folder.
        seed: Seed of the choice of what is held back, where the folder doesn't say.
        image_size: Height and width to bring every image to; None takes the first image's.
        channels: 1 or 3; None takes 1 where the first image is grey, else 3.
    Raises:
        DataError: There are no images, one class only, or a file is no image.
    """
    train_folder, test_folder = folder / "train", folder / "test"
    split = train_folder.is_dir() and test_folder.is_dir()
    files = _files_by_class(train_folder if split else folder)
    labels = tuple(files)
    if len(labels) < 2:
        raise DataError(
            f"{folder} holds {'one class only' if labels else 'no images'}.",
            expected="a sub-folder of images for each of two classes or more",
            received=f"the class {labels[0]}" if labels else "no sub-folder with images",
        )
    preprocessing = _preprocessing(files[labels[0]][0], image_size, channels)
    train = _read(files, labels, preprocessing)
    if not split:
        return make_dataset(str(folder), train, None, labels, seed=seed)
    test_files = _files_by_class(test_folder)
    unknown = set(test_files) - set(labels)
    if unknown:
        raise DataError(
            f"{test_folder} holds classes that {train_folder} has not.",
            expected=", ".join(labels),
            received=", ".join(sorted(unknown)),
        )
    return make_dataset(str(folder), train, _read(test_files, labels, preprocessing), labels, seed=seed)


def _files_by_class(folder: Path) -> dict[str, list[Path]]:
    """The image files of each sub-folder that has any, in the order of the names."""
    found = {
        sub.name: sorted(file for file in sub.rglob("*") if file.suffix.lower() in _SUFFIXES)
        for sub in sorted(folder.iterdir())
        if sub.is_dir()
    }
    return {name: files for name, files in found.items() if files}


def _preprocessing(first: Path, image_size: tuple[int, int] | None, channels: int | None) -> Preprocessing:
    try:
        with Image.open(first) as image:
            height, width = image_size or (image.height, image.width)
            grey = image.mode in ("1", "L", "LA", "I", "I;16", "F")
    except (OSError, Image.DecompressionBombError) as error:
        raise DataError(f"{first} is no image that can be read.", received=str(error)) from error
    return Preprocessing(height, width, channels or (1 if grey else 3))


def _read(files: dict[str, list[Path]], labels: Sequence[str], preprocessing: Preprocessing) -> Examples:
    count = sum(map(len, files.values()))
    x = np.empty((count, preprocessing.height, preprocessing.width, preprocessing.channels), np.uint8)
    y = np.empty(count, np.int64)
    row = 0
    for name, paths in files.items():
        for path in paths:
            x[row], y[row] = preprocessing.pixels(path)[0], labels.index(name)
            row += 1
    return Examples(x, y)
