"""Labelled examples, by name or path: one record per kind of data in ``kinds.py``, opened by ``opening.py``."""

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
    """Load data into memory to learn from.

    Args:
        source: All that ``--data`` takes: a name, a path, or ``python:module:function``; or data in memory.
        seed: Seed of the choice of what is held back, if the source does not say.
        image_size: Height and width that the images of a folder are resized to; None takes the first image's, large
            ones made smaller.
        channels: 1 or 3: what the images of a folder are converted to; None takes those of the first image.
    Raises:
        DataError: There is no such source, it is damaged, or nothing can be learned from it.
    """
    from edgekit.datasets.opening import DataRequest
    from edgekit.datasets.training_set import read_training_set

    request = DataRequest(str(source) if isinstance(source, Path) else source, seed=seed)
    return read_training_set(request, image_size=image_size, channels=channels)
