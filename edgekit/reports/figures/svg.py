"""Figures of matplotlib as SVG inside an HTML page, in the page's own colours: they turn dark when the page does."""

from __future__ import annotations

import io
import re
from typing import Any

#: What matplotlib draws with, and the colour of the page that replaces it in the SVG.
TEXT, FAINT, BEFORE, AFTER, GOOD, BAD = "#010101", "#020202", "#030303", "#040404", "#050505", "#060606"
_PAGE_COLORS = {
    TEXT: "currentColor",
    FAINT: "var(--faint)",
    BEFORE: "var(--before)",
    AFTER: "var(--after)",
    GOOD: "var(--good)",
    BAD: "var(--bad)",
}
_STYLE = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    # No text is smaller, and no figure is shown smaller than it is drawn.
    "font.size": 11,
    "axes.labelsize": 11,
    "xtick.labelsize": 11,
    "ytick.labelsize": 11,
    "legend.fontsize": 11,
    "text.color": TEXT,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": TEXT,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": False,
    "grid.color": FAINT,
    "grid.alpha": 0.35,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "xtick.labelcolor": TEXT,
    "ytick.labelcolor": TEXT,
    "legend.frameon": False,
    # Names of classes and files are anybody's: a dollar sign begins no formula.
    "text.parse_math": False,
}


def page_style(name: str) -> Any:
    """The context to draw in; ``name`` makes the same figure the same bytes."""
    import matplotlib as mpl

    return mpl.rc_context({**_STYLE, "svg.hashsalt": name})


def inline_svg(figure: Any, name: str, description: str) -> str:
    """A figure as an ``<svg>`` element.

    Args:
        figure: ``matplotlib.figure.Figure``, drawn inside ``page_style(name)``.
        name: Unique in the page: letters, digits and hyphens; begins every id.
        description: What the figure shows, for those who do not see it.
    """
    buffer = io.StringIO()
    empty = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    figure.savefig(buffer, format="svg", transparent=True, metadata=empty)
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    # matplotlib's own style rules would hold for the whole page, and its metadata is of no use there.
    svg = re.sub(r"<style.*?</style>|<metadata>.*?</metadata>|<!--.*?-->", "", svg, flags=re.DOTALL)
    svg = re.sub(r'\b(id="|xlink:href="#|url\(#)', rf"\g<1>{name}-", svg)
    for color, replacement in _PAGE_COLORS.items():
        svg = svg.replace(color, replacement)
    # The page may show it larger, and scrolls it rather than shrink its text; the view box keeps the proportions.
    head, rest = svg.split(">", 1)
    head = re.sub(r' (width|height)="[^"]*"', "", head)
    width, height = (round(72 * inches) for inches in figure.get_size_inches())
    size = f"min-width:{width}px;min-height:{height}px"
    return f'{head} style="{size}" role="img" aria-label="{_attribute(description)}">{rest.strip()}'


def _attribute(text: str) -> str:
    return text.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
