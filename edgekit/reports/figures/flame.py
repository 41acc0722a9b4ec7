"""Draws the time of a model like a flame graph: the whole, its groups inside and outside XNNPACK, and its operators."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from edgekit.reports.figures.svg import AFTER, BAD, BEFORE, FAINT, TEXT, inline_svg, page_style
from edgekit.reports.figures.writing import plain_text
from edgekit_runtime.profiling.explanation import CONVERSIONS, Explanation, OperatorProfile

_WIDTH, _HEIGHT = 8.6, 2.5
# A letter of 11 px takes about this share of the figure's width.
_LETTER_SHARE = 0.0125
_INSIDE, _OUTSIDE, _CONVERSION, _UNKNOWN = "in XNNPACK", "outside XNNPACK", "QUANTIZE, DEQUANTIZE", "not known"
#: Colour and strength of each place: distinguishable in grey, too.
_STYLES = {_INSIDE: (AFTER, 0.25), _OUTSIDE: (BAD, 0.6), _CONVERSION: (BEFORE, 0.45), _UNKNOWN: (FAINT, 0.3)}


@plain_text
def draw_flame(explanation: Explanation, name: str) -> str:
    """Draw operators from left to right in the order in which they run; widths are times.

    Args:
        explanation: Operators with their times.
        name: Name of the figure, unique on the page.
    Returns:
        An ``<svg>`` element.
    """
    from matplotlib.figure import Figure

    timed = [operator for operator in explanation.operators if operator.ms]
    with page_style(name):
        figure = Figure(figsize=(_WIDTH, _HEIGHT), layout="constrained")
        axes = figure.subplots()
        total = sum(operator.ms or 0 for operator in timed)
        flame = _Flame(axes, total)
        flame.add(0, 0, total, f"{total:.3f} ms", place=_UNKNOWN)
        start = 0.0
        for place, members in groupby(timed, key=_place):
            group = list(members)
            width = sum(operator.ms or 0 for operator in group)
            flame.add(1, start, width, place, place=place)
            for operator in group:
                flame.add(2, start, operator.ms or 0, operator.name, place=place)
                start += operator.ms or 0
        axes.set(xlim=(0, max(total, 1e-9)), ylim=(-0.1, 3), xlabel="ms, operators in the order in which they run")
        axes.yaxis.set_visible(False)
        axes.spines["left"].set_visible(False)
        _add_legend(axes, [place for place in _STYLES if place in map(_place, timed)])
        return inline_svg(figure, name, "Time of each operator, in the order in which they run")


def _place(operator: OperatorProfile) -> str:
    if operator.name in CONVERSIONS:
        return _CONVERSION
    if operator.in_xnnpack is None:
        return _UNKNOWN
    return _INSIDE if operator.in_xnnpack else _OUTSIDE


class _Flame:
    """Bars in rows from the bottom up, on an axis of time."""

    def __init__(self, axes: Any, total_ms: float) -> None:
        self._axes, self._total = axes, total_ms

    def add(self, row: int, start: float, width: float, label: str, *, place: str) -> None:
        """Add a bar; a name that does not fit is left out, since the table has it."""
        color, alpha = _STYLES[place]
        bar = self._axes.barh(row + 0.45, width, left=start, height=0.85, color=color, alpha=alpha)
        # A line in the colour of the page's lines keeps neighbours of one kind apart.
        bar[0].set(edgecolor=FAINT, linewidth=0.5)
        if len(label) * _LETTER_SHARE * self._total < width:
            self._axes.text(start + width / 2, row + 0.45, label, ha="center", va="center", color=TEXT, clip_on=True)


def _add_legend(axes: Any, places: list[str]) -> None:
    from matplotlib.patches import Patch

    styles = [(place, _STYLES[place]) for place in places]
    handles = [Patch(color=color, alpha=alpha, label=place) for place, (color, alpha) in styles]
    axes.figure.legend(handles=handles, loc="outside upper left", ncols=4)
