"""CONTRIBUTING's map is true: the files and folders that it names exist."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CONTRIBUTING = ROOT / "CONTRIBUTING.md"
PACKAGES = {"converters/…": "converters/edgekit_converters", "runtime/…": "runtime/edgekit_runtime"}


def table_rows() -> list[str]:
    return [line for line in CONTRIBUTING.read_text().splitlines() if line.startswith("|")]


def named_paths(row: str) -> Iterator[tuple[str, bool]]:
    """Each path in a row, and whether something matches it: from the root, or beside what the row named before."""
    folders = [ROOT]
    for name in re.findall(r"`([^`]+)`", row):
        if "/" in name or name.endswith(".py"):
            start = next((short for short in PACKAGES if name.startswith(short)), "")
            pattern = PACKAGES[start] + name.removeprefix(start) if start else name
            found = [path for folder in folders for path in folder.glob(pattern)]
            yield name, bool(found)
            folders += [path if path.is_dir() else path.parent for path in found]


def test_the_map_has_paths() -> None:
    assert sum(1 for row in table_rows() for _ in named_paths(row)) > 40


def test_a_path_that_is_missing_is_found() -> None:
    assert ("edgekit/parity/no_such.py", False) in list(named_paths("| x | `edgekit/parity/no_such.py` |"))
    assert ("metrics.py", True) in list(named_paths("| x | `edgekit/parity/`, `metrics.py` |"))


def test_every_path_of_the_map_exists() -> None:
    missing = [f"{name} in: {row}" for row in table_rows() for name, exists in named_paths(row) if not exists]
    assert missing == []
