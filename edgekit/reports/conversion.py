"""What a conversion made, for the terminal."""

from __future__ import annotations

import click

from edgekit.conversion import Conversion
from edgekit.reports.budget import print_budget
from edgekit.reports.calibration import describe
from edgekit.reports.tables import kilobytes, print_table


def print_conversion(source: str, conversion: Conversion) -> None:
    """Print the notes, what was calibrated on, what came of the budget, and a row a file.

    Args:
        source: Name of the source's file.
        conversion: What was made of it.
    """
    click.echo(conversion.task.describe())
    for note in conversion.notes:
        click.echo(note)
    if conversion.calibration:
        click.echo(describe(conversion.calibration))
    if conversion.budget:
        print_budget(conversion.budget)
    rows = [(model.quantize, kilobytes(model.size_bytes), str(model.path)) for model in conversion.models]
    print_table(f"{source} → TFLite", ("quantize", "size", "file"), rows)
    for model in conversion.models:
        for score in model.scores:
            where = f", output {score.output}" if len(model.scores) > 1 else ""
            click.echo(f"{model.quantize}{where}: {score.describe()}.")
