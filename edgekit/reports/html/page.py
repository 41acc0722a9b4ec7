"""Renders a report as a single HTML file, which needs no network and runs no script."""

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
        title: Short title.
        svg: The ``<svg>`` element.
        caption: Explanation of how to read the figure.
        is_wide: Whether it needs the full width of the page.
    """

    title: str
    svg: str
    caption: str
    is_wide: bool = False


@dataclass(frozen=True, slots=True)
class Fact:
    """One value before and after the change.

    Attributes:
        name: Name of the value.
        before: Value for the reference.
        now: Value for the candidate.
    """

    name: str
    before: str
    now: str


@dataclass(frozen=True, slots=True)
class ChangedAnswer:
    """One example for which the candidate and the baseline predict different classes.

    Attributes:
        name: File or index of the example.
        truth: True class; empty without ground truth.
        before: Class predicted by the baseline.
        after: Class predicted by the candidate.
        kind: "lost", "won", or "changed" if both are wrong or there is no ground truth.
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
        rows: Rows; a verdict in the second cell is shown in the colour of the verdict.
        title: Heading, or empty for none.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    title: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """The part of a page about one model.

    Attributes:
        name: Model name.
        subtitle: Description of the data that the model was judged on.
        reference: Name of the reference next to each fact.
        facts: The most important values.
        tables: Tables; those without rows are omitted.
        figures: Figures.
        changed: Examples whose predicted class changed.
        changed_count: Total number of such examples.
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
        title: Heading.
        passed: Whether everything passed; None if nothing was judged.
        sentence: Verdict in words.
        tables: Tables about all models.
        figures: Figures about all models.
        sections: One section per model.
        footnote: Explanation of how to read the report.
    """

    title: str
    passed: bool | None
    sentence: str
    tables: tuple[PageTable, ...]
    figures: tuple[PageFigure, ...]
    sections: tuple[Section, ...]
    footnote: str


def _with_units(text: str) -> str:
    """Replace spaces between numbers and units by no-break spaces."""
    return re.sub(r"(?<=\d) (?=(?:%|kB|dB|ms|points)(?:\W|$))", "\N{NO-BREAK SPACE}", text)


def render(page: Page) -> str:
    """Render the page as HTML; equal pages give equal bytes."""
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
    # A file name may contain surrogates, which cannot be encoded.
    return html.encode(errors="replace").decode()
