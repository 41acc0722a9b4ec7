"""Labelled examples by name or path: one file a source."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from edgekit_runtime.errors import DataError

if TYPE_CHECKING:
    from edgekit.datasets.dataset import Dataset

NAMES = ("digits", "mnist", "fashion-mnist")


def load_dataset(
    source: str | Path,
    *,
    seed: int = 0,
    image_size: tuple[int, int] | None = None,
    channels: int | None = None,
) -> Dataset:
    """Load a data set by name or path.

    Args:
        source: ``digits``, ``mnist``, ``fashion-mnist``, an ``.npz`` file, an IDX file, or a folder of IDX files or of
            images in one sub-folder per class.
        seed: Seed of the choice of what is held back, where the source doesn't say.
        image_size: Height and width that the images of a folder are brought to.
        channels: 1 or 3: what the images of a folder are brought to.
    Raises:
        DataError: There is no such source, or it is damaged or unfit.
    """
    if source == "digits":
        from edgekit.datasets.digits import load_digits

        return load_digits(seed=seed)
    if source in ("mnist", "fashion-mnist"):
        from edgekit.datasets.downloading import cache_folder
        from edgekit.datasets.mnist import load_fashion_mnist, load_mnist

        return (load_mnist if source == "mnist" else load_fashion_mnist)(cache_folder(), seed=seed)
    return _load_path(Path(source), seed, image_size, channels)


def _load_path(path: Path, seed: int, image_size: tuple[int, int] | None, channels: int | None) -> Dataset:
    from edgekit.datasets.readers.arrays import load_arrays
    from edgekit.datasets.readers.idx import find_images, is_idx, load_idx

    if not path.exists():
        raise DataError(
            f"There is no data set {path}.",
            expected=f"{', '.join(NAMES)}, an .npz file, IDX files, or a folder of images",
            received="neither a known name nor an existing path",
        )
    if path.is_file() and is_idx(path):
        return load_idx(path, seed=seed)
    if path.is_file():
        return load_arrays(path, seed=seed)
    if not any(path.iterdir()):
        raise DataError(f"{path} is empty.", expected="IDX files, or a sub-folder of images for each class")
    if find_images(path):
        return load_idx(path, seed=seed)
    from edgekit.datasets.readers.image_folder import load_image_folder

    return load_image_folder(path, seed=seed, image_size=image_size, channels=channels)
