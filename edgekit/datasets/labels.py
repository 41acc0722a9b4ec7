"""Class names from a text file."""

from __future__ import annotations

from pathlib import Path

from edgekit_runtime.errors import DataError


def read_labels(path: Path) -> tuple[str, ...]:
    """Read one class name a line; empty lines at the end are left out.

    Raises:
        DataError: The file is missing, is no text, or names fewer than one class.
    """
    try:
        labels = tuple(line.strip() for line in path.read_text(encoding="utf-8").strip().splitlines())
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} could not be read.", expected="a text file, a class name a line") from error
    if not labels:
        raise DataError(f"{path} is empty.", expected="a text file, a class name a line")
    return labels
