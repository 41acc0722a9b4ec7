"""Listing a folder of 20,000 PNGs against ``os.scandir`` alone: ``python benchmarks/list_folder.py``."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from ratios import report, time_in_turn

from edgekit.datasets.readers.folders import list_folder

_CLASSES, _FILES_PER_CLASS = 10, 2_000


def _make(folder: Path) -> None:
    for number in range(_CLASSES):
        sub = folder / f"class_{number}"
        sub.mkdir()
        for place in range(_FILES_PER_CLASS):
            (sub / f"{place:05}.png").touch()


def _scan(folder: Path) -> None:
    for sub in folder.iterdir():
        with os.scandir(sub) as entries:
            for entry in entries:
                entry.is_file()


with tempfile.TemporaryDirectory() as temporary:
    images = Path(temporary)
    _make(images)
    report(
        [
            time_in_turn(
                "list 20,000 PNGs / `os.scandir`",
                lambda: list_folder(images, frozenset({".png"})) and None,
                lambda: _scan(images),
                target=3.0,
                runs=10,
            )
        ]
    )
