"""Writing a figure: one resolution, one step, no clock in the file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgekit_converters.atomic_files import replacing

_DOTS_PER_INCH = 150


def save_figure(figure: Any, path: Path) -> None:
    """Write a ``matplotlib.figure.Figure`` as PNG in one step."""
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png", dpi=_DOTS_PER_INCH, metadata={"Software": None})
