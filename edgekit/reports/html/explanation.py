"""Renders the result of ``edgekit bench --explain`` as an HTML page."""

from __future__ import annotations

from collections.abc import Sequence

from edgekit.benchmark import ExplainedModel
from edgekit.reports.explanation_rows import OPERATOR_COLUMNS, cause_rows, operator_rows, summary_rows
from edgekit.reports.figures.flame import draw_flame
from edgekit.reports.html.page import Page, PageFigure, PageTable, Section, render
from edgekit.reports.terminal.tables import milliseconds

_FOOTNOTE = (
    "Each operator was cut out of the file and timed alone, so that the times do not add up exactly to that of the "
    "whole model. Whether XNNPACK runs an operator is what the interpreter reports for the whole model."
)
_CAPTION = (
    "From left to right in the order in which they run; the width is the time. Above the whole: groups inside and "
    "outside XNNPACK, then single operators."
)


def explanation_html(models: Sequence[ExplainedModel]) -> str:
    """The whole page; equal explanations give equal bytes."""
    sentence = "; ".join(f"{model.path.name}: {milliseconds(model.explanation.whole_ms)}" for model in models)
    causes = tuple((model.path.name, text) for model in models for _, text in cause_rows(model.explanation))
    figures = tuple(
        PageFigure(model.path.name, draw_flame(model.explanation, f"flame-{number}"), _CAPTION, is_wide=True)
        for number, model in enumerate(models)
    )
    tables = (PageTable(("model", "cause and remedy"), causes, "Causes"),)
    sections = tuple(map(_section, models))
    return render(Page("edgekit bench --explain", None, sentence, tables, figures, sections, _FOOTNOTE))


def _section(model: ExplainedModel) -> Section:
    explanation = model.explanation
    return Section(
        name=model.path.name,
        subtitle=f"on {model.device}, {explanation.interpreter}, {explanation.num_threads} thread(s)",
        reference="",
        facts=(),
        tables=(
            PageTable(("", "measured"), tuple(summary_rows(explanation)), "Measured"),
            PageTable(OPERATOR_COLUMNS, tuple(operator_rows(explanation)), "Operators"),
        ),
    )
