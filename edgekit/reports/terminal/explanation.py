"""Prints why models are slow: ``edgekit bench --explain``."""

from __future__ import annotations

from collections.abc import Sequence

from edgekit.benchmark import ExplainedModel
from edgekit.counting import counted
from edgekit.reports.explanation_rows import OPERATOR_COLUMNS, cause_rows, operator_rows, summary_rows
from edgekit.reports.terminal.tables import milliseconds, print_table

_SHOWN_OPERATORS = 15


def print_explanations(models: Sequence[ExplainedModel]) -> None:
    """Print the slowest operators of each model, what was measured besides, and the causes."""
    for model in models:
        explanation = model.explanation
        rows = operator_rows(explanation)
        title = (
            f"{model.path.name} on {model.device}: {milliseconds(explanation.whole_ms)} per prediction, "
            f"{explanation.num_threads} thread(s)"
        )
        print_table(title, OPERATOR_COLUMNS, rows[:_SHOWN_OPERATORS])
        if len(rows) > _SHOWN_OPERATORS:
            print(f"  {counted(len(rows) - _SHOWN_OPERATORS, 'more operator')}: --json or --html\n")
        print_table("Measured", (), summary_rows(explanation))
        print_table("Causes", (), cause_rows(explanation))
