"""Writes figures in one step, with one resolution and without timestamps."""

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
    """Let a function draw names literally; otherwise "$" starts a formula, and an incomplete one is an error."""

    @functools.wraps(draw)
    def drawn(*args: _Arguments.args, **kwargs: _Arguments.kwargs) -> _Result:
        import matplotlib as mpl

        with mpl.rc_context({"text.parse_math": False}):
            return draw(*args, **kwargs)

    return drawn


def save_figure(figure: Any, path: Path) -> None:
    """Write a ``matplotlib.figure.Figure`` in one step, as SVG if that is the suffix of the path, otherwise as PNG."""
    with replacing(path) as temporary:
        write_figure(figure, temporary)


def write_figure(figure: Any, path: Path) -> None:
    """Write a figure to a file that is later renamed into place together with others."""
    import matplotlib as mpl

    if path.suffix == ".svg":
        # Without a salt, ids would be random.
        with mpl.rc_context({"svg.hashsalt": path.stem}):
            figure.savefig(path, format="svg", metadata={"Date": None})
    else:
        figure.savefig(path, format="png", dpi=_DOTS_PER_INCH, metadata={"Software": None})
