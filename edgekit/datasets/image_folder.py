"""A folder of images with one sub-folder a class."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from edgekit.datasets.assembly import make_dataset
from edgekit.datasets.dataset import LARGEST_BYTES, Dataset, Examples
from edgekit_runtime.errors import DataError
from edgekit_runtime.preprocessing import Preprocessing

_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".pgm", ".ppm"})
_GREY_MODES = frozenset({"1", "L", "LA", "I", "I;16", "F"})
_HELD_BACK = ("test", "validation", "val")
#: Photos are made this small unless a model asks for more: enough for a small CNN, and a data set of them fits.
_LARGEST_SIDE = 128


def load_image_folder(folder: Path, *, seed: int, image_size: tuple[int, int] | None, channels: int | None) -> Dataset:
    """Load images by class; the sub-folders' names become the labels.

    Two sub-folders that hold the classes, ``train`` and one of ``test``, ``validation`` and ``val``, keep that split.

    Args:
        folder: The folder.
        seed: Seed of the choice of what is held back, where the folder doesn't say.
        image_size: Height and width to bring every image to; None takes the first image's, large ones made smaller.
        channels: 1 or 3; None takes 1 where the first image is grey, else 3.
    Raises:
        DataError: There are no images, one class only, too many to hold, or a file is no image.
    """
    train_folder = folder / "train"
    test_folder = next((part for name in _HELD_BACK if (part := folder / name).is_dir()), None)
    if test_folder is None or not train_folder.is_dir():
        train_folder, test_folder = folder, None
    files = _files_by_class(train_folder)
    labels = tuple(files)
    if len(labels) < 2:
        raise DataError(
            f"{train_folder} holds {'one class only' if labels else 'no images'}.",
            expected="a sub-folder of images for each of two classes or more",
            received=f"the class {labels[0]}" if labels else "no sub-folder with images",
        )
    preprocessing = _preprocessing(files[labels[0]][0], image_size, channels)
    train = _read(files, labels, preprocessing)
    if test_folder is None:
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
    """The image files of each sub-folder that has any, in the order of the names; hidden ones don't count."""
    found: dict[str, list[Path]] = {}
    for sub in sorted(folder.iterdir()):
        if not sub.is_dir() or sub.name.startswith("."):
            continue
        files = sorted(
            file for file in sub.rglob("*") if file.suffix.lower() in _SUFFIXES and not file.name.startswith(".")
        )
        deeper = next((file for file in files if file.parent != sub), None)
        if deeper:
            raise DataError(
                f"{deeper} lies deeper than a class's images do.",
                expected=f"images in {sub}, or in two parts, the sub-folders train and test",
                received=f"images in {deeper.parent}",
                next_step="pass the folder whose sub-folders are the classes",
            )
        if files:
            found[sub.name] = files
    return found


def _preprocessing(first: Path, image_size: tuple[int, int] | None, channels: int | None) -> Preprocessing:
    try:
        with Image.open(first) as image:
            width, height = ImageOps.exif_transpose(image).size
            grey = image.mode in _GREY_MODES
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise DataError(f"{first} is no image that can be read.", received=str(error)) from error
    if image_size is None:
        shrink = min(1.0, _LARGEST_SIDE / max(height, width))
        image_size = max(1, round(height * shrink)), max(1, round(width * shrink))
    return Preprocessing(*image_size, channels or (1 if grey else 3))


def _read(files: dict[str, list[Path]], labels: Sequence[str], preprocessing: Preprocessing) -> Examples:
    count = sum(map(len, files.values()))
    shape = (count, preprocessing.height, preprocessing.width, preprocessing.channels)
    if math.prod(shape) > LARGEST_BYTES:
        raise DataError(
            f"{count} images of {shape[1]} × {shape[2]} pixels do not fit into memory.",
            expected=f"at most {LARGEST_BYTES / 1e9:.0f} GB",
            received=f"{math.prod(shape) / 1e9:,.1f} GB",
            next_step="pass a folder with fewer images",
        )
    x, y = np.empty(shape, np.uint8), np.empty(count, np.int64)
    row = 0
    for name, paths in files.items():
        for path in paths:
            x[row], y[row] = preprocessing.pixels(path)[0], labels.index(name)
            row += 1
    return Examples(x, y)
