"""Datasets: ``kinds.py`` has one record per kind of data, and ``opening.py`` opens them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edgekit.datasets.dataset import Dataset
    from edgekit.datasets.readers.memory import MemoryData


def load_dataset(
    source: str | Path | MemoryData,
    *,
    seed: int = 0,
    image_size: tuple[int, int] | None = None,
    channels: int | None = None,
) -> Dataset:
    """Load data for training into memory.

    Args:
        source: Anything that ``--data`` accepts (a name, a path, ``python:module:function``), or data in memory.
        seed: Seed for choosing the held-back examples if the source has no test part.
        image_size: Height and width to resize the images of a folder to; None uses the size of the first image,
            reduced if it is large.
        channels: Number of channels to convert the images of a folder to, 1 or 3; None uses that of the first image.
    Raises:
        DataError: The source does not exist, is damaged, or cannot be used for training.
    """
    from edgekit.datasets.opening import DataRequest
    from edgekit.datasets.training_set import read_training_set

    request = DataRequest(str(source) if isinstance(source, Path) else source, seed=seed)
    return read_training_set(request, image_size=image_size, channels=channels)
