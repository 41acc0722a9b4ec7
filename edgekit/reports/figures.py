"""Writing a figure: one resolution, one step, no clock in the file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgekit_converters.atomic_files import replacing

_DOTS_PER_INCH = 150


def save_figure(figure: Any, path: Path) -> None:
    """Write a ``matplotlib.figure.Figure`` in one step: SVG where the name ends so, else PNG."""
    import matplotlib as mpl

    with replacing(path) as temporary:
        if path.suffix == ".svg":
            # Without a salt, ids are drawn anew each time.
            with mpl.rc_context({"svg.hashsalt": path.stem}):
                figure.savefig(temporary, format="svg", metadata={"Date": None})
        else:
            figure.savefig(temporary, format="png", dpi=_DOTS_PER_INCH, metadata={"Software": None})
