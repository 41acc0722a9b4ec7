"""A report as one HTML file that needs no network and runs no script."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import resources

from edgekit import __version__
from edgekit.regression.verdicts import Verdict
from edgekit.reports.figures.palette import DARK, LIGHT


@dataclass(frozen=True, slots=True)
class PageFigure:
    """A figure with its caption.

    Attributes:
        title: What it shows, a few words.
        svg: The ``<svg>`` element.
        caption: How to read it.
        is_wide: Whether it needs the width of the page.
    """

    title: str
    svg: str
    caption: str
    is_wide: bool = False


@dataclass(frozen=True, slots=True)
class Fact:
    """One figure before and now.

    Attributes:
        name: What it is.
        before: Of the reference.
        now: Of the candidate.
    """

    name: str
    before: str
    now: str


@dataclass(frozen=True, slots=True)
class ChangedAnswer:
    """One sample that the candidate answers otherwise than the baseline.

    Attributes:
        name: Its file, or its number.
        truth: The right class; empty without labels.
        before: The baseline's answer.
        after: The candidate's.
        kind: "lost", "won", or "changed" where both are wrong or nobody knows.
        image: ``data:`` address of a small image; empty if the input is not an image.
    """

    name: str
    truth: str
    before: str
    after: str
    kind: str
    image: str


@dataclass(frozen=True, slots=True)
class PageTable:
    """A table.

    Attributes:
        columns: Headings.
        rows: Its rows; a second cell that is a verdict gets the verdict's colour.
        title: What it shows; empty for a table that needs no heading.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    title: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """One model's part of a page.

    Attributes:
        name: The model.
        subtitle: What it was judged on.
        reference: What the reference is called beside each fact.
        facts: The figures that matter most.
        tables: Its tables; those without rows are left out.
        figures: Its figures.
        changed: Samples whose answer changed.
        changed_count: How many there are in all.
    """

    name: str
    subtitle: str
    reference: str
    facts: tuple[Fact, ...]
    tables: tuple[PageTable, ...]
    figures: tuple[PageFigure, ...] = ()
    changed: tuple[ChangedAnswer, ...] = ()
    changed_count: int = 0


@dataclass(frozen=True, slots=True)
class Page:
    """A whole report.

    Attributes:
        title: Its heading.
        passed: Whether all is well; None if nothing was judged.
        sentence: The verdict in words.
        tables: Tables of all models together.
        figures: Figures of all models together.
        sections: One for each model.
        footnote: How to read it.
    """

    title: str
    passed: bool | None
    sentence: str
    tables: tuple[PageTable, ...]
    figures: tuple[PageFigure, ...]
    sections: tuple[Section, ...]
    footnote: str


def _with_units(text: str) -> str:
    """Text in which no line ends between a number and its unit."""
    return re.sub(r"(?<=\d) (?=(?:%|kB|dB|ms|points)(?:\W|$))", "\N{NO-BREAK SPACE}", text)


def render(page: Page) -> str:
    """The HTML; equal pages give equal bytes."""
    from jinja2 import Environment, select_autoescape
    from markupsafe import Markup

    environment = Environment(
        autoescape=select_autoescape(default_for_string=True), trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["with_units"] = _with_units
    template = environment.from_string(
        resources.files("edgekit.reports.html").joinpath("page.html.j2").read_text(encoding="utf-8")
    )
    verdicts = {verdict.value for verdict in Verdict}
    html: str = template.render(page=page, version=__version__, verdicts=verdicts, safe=Markup, light=LIGHT, dark=DARK)
    # A name may hold what no encoding does.
    return html.encode(errors="replace").decode()
