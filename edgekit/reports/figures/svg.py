"""Converts matplotlib figures to SVG for an HTML page, in the colours of the page, including its dark mode."""

from __future__ import annotations

import io
import re
from typing import Any

#: Placeholder colours that matplotlib draws with, and the colours of the page that replace them in the SVG.
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
    # This is the smallest text, and no figure is shown smaller than it is drawn.
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
    # A dollar sign in a class or file name does not start a formula.
    "text.parse_math": False,
}


def page_style(name: str) -> Any:
    """The matplotlib style to draw in; ``name`` is the salt of ids, so that equal figures give equal bytes."""
    import matplotlib as mpl

    return mpl.rc_context({**_STYLE, "svg.hashsalt": name})


def inline_svg(figure: Any, name: str, description: str) -> str:
    """A figure as an ``<svg>`` element.

    Args:
        figure: ``matplotlib.figure.Figure``, drawn inside ``page_style(name)``.
        name: Name of the figure, unique on the page, made of letters, digits and hyphens; the prefix of every id.
        description: Description of the figure for screen readers.
    """
    buffer = io.StringIO()
    empty = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    figure.savefig(buffer, format="svg", transparent=True, metadata=empty)
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    # matplotlib's style rules would apply to the whole page, and its metadata is useless there.
    svg = re.sub(r"<style.*?</style>|<metadata>.*?</metadata>|<!--.*?-->", "", svg, flags=re.DOTALL)
    svg = re.sub(r'\b(id="|xlink:href="#|url\(#)', rf"\g<1>{name}-", svg)
    for color, replacement in _PAGE_COLORS.items():
        svg = svg.replace(color, replacement)
    # The page may enlarge the figure, but scrolls it instead of shrinking its text; the view box keeps the proportions.
    head, rest = svg.split(">", 1)
    head = re.sub(r' (width|height)="[^"]*"', "", head)
    width, height = (round(72 * inches) for inches in figure.get_size_inches())
    size = f"min-width:{width}px;min-height:{height}px"
    return f'{head} style="{size}" role="img" aria-label="{_attribute(description)}">{rest.strip()}'


def _attribute(text: str) -> str:
    return text.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
