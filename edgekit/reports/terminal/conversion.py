"""Prints the result of a conversion."""

from __future__ import annotations

import click

from edgekit.calibration.data import CalibrationReport
from edgekit.conversion import Conversion
from edgekit.counting import counted
from edgekit.reports.terminal.budget import print_budget
from edgekit.reports.terminal.tables import kilobytes, print_table
from edgekit.sequences.result import PairConversion


def print_conversion(source: str, conversion: Conversion) -> None:
    """Print the notes, the calibration data, the result of the budget, and one row per file.

    Args:
        source: File name of the source.
        conversion: Result of the conversion.
    """
    click.echo(conversion.task.describe())
    for note in conversion.notes:
        click.echo(note)
    if conversion.calibration:
        click.echo(_describe_calibration(conversion.calibration))
    if conversion.budget:
        print_budget(conversion.budget)
    rows = [(model.quantize, kilobytes(model.size_bytes), str(model.path)) for model in conversion.models]
    print_table(f"{source} → TFLite", ("quantize", "size", "file"), rows)
    for model in conversion.models:
        for score in model.scores:
            where = f", output {score.output}" if len(model.scores) > 1 else ""
            click.echo(f"{model.quantize}{where}: {score.describe()}.")


#: Shared weights below this are shapes and other constants.
_WORTH_MENTIONING = 1000


def print_pair_conversion(conversion: PairConversion) -> None:
    """Print the notes, how the file generates, one row for the file, and its score."""
    for note in conversion.notes:
        click.echo(note)
    decoding = conversion.decoding
    click.echo(
        f"Generates up to {counted(decoding.max_length, 'token')} from start token {decoding.start} to end token "
        f"{decoding.end}."
    )
    if conversion.shared_bytes >= _WORTH_MENTIONING:
        click.echo(f"Encoder and decoder share weights of {kilobytes(conversion.shared_bytes)}, stored once.")
    rows = [(conversion.quantize, kilobytes(conversion.size_bytes), str(conversion.path))]
    print_table("Encoder and decoder → TFLite", ("quantize", "size", "file"), rows)
    if conversion.scores:
        click.echo(f"{conversion.quantize}: {conversion.scores.describe()}.")
    if conversion.budget:
        click.echo(conversion.budget.describe())


def _describe_calibration(report: CalibrationReport) -> str:
    """One sentence with the number of examples, the number of classes and the range of the values."""
    facts = [] if report.classes is None else [f"{report.classes} classes"]
    ranges = report.value_range
    facts += [
        f"values {low:.4g} to {high:.4g}" + (f" in {name}" if len(ranges) > 1 else "")
        for name, (low, high) in ranges.items()
    ]
    if report.float_top1 is not None:
        facts.append(f"the float model is right on {report.float_top1:.1%}")
    return (
        "; ".join([f"Calibrated on {counted(report.samples, 'example')} of {report.data}", *facts, *report.notes]) + "."
    )
