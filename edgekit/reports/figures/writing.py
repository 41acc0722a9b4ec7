"""Writing a figure: one resolution, one step, no clock in the file."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from edgekit_converters.atomic_files import replacing

_DOTS_PER_INCH = 150
_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")


def plain_text(draw: Callable[_Arguments, _Result]) -> Callable[_Arguments, _Result]:
    """Let a function draw names as they are: to matplotlib, "$" begins a formula, and half of one is an error."""

    @functools.wraps(draw)
    def drawn(*args: _Arguments.args, **kwargs: _Arguments.kwargs) -> _Result:
        import matplotlib as mpl

        with mpl.rc_context({"text.parse_math": False}):
            return draw(*args, **kwargs)

    return drawn


def save_figure(figure: Any, path: Path) -> None:
    """Write a ``matplotlib.figure.Figure`` in one step: SVG if the name ends so, else PNG."""
    with replacing(path) as temporary:
        write_figure(figure, temporary)


def write_figure(figure: Any, path: Path) -> None:
    """Write a figure to a file that is renamed into place later, together with others."""
    import matplotlib as mpl

    if path.suffix == ".svg":
        # Without a salt, ids are drawn anew each time.
        with mpl.rc_context({"svg.hashsalt": path.stem}):
            figure.savefig(path, format="svg", metadata={"Date": None})
    else:
        figure.savefig(path, format="png", dpi=_DOTS_PER_INCH, metadata={"Software": None})
