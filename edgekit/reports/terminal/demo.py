"""Prints the result of ``edgekit demo``."""

from __future__ import annotations

import click

from edgekit.counting import percent
from edgekit.demo_result import DemoResult
from edgekit.reports.terminal.tables import kilobytes, milliseconds, print_table
from edgekit.reports.terminal.timings import print_ties


def print_demo(result: DemoResult) -> None:
    """Print one row per variant, the result of the separate process, and the names of the files."""
    rows = [
        (
            variant.name + (" (selected)" if variant.name == result.winner else ""),
            kilobytes(variant.size_bytes),
            percent(variant.agreement.candidate_top1),
            percent(variant.agreement.top1_agreement),
            f"{variant.agreement.max_absolute_difference:.1e}",
            milliseconds(variant.latency.p50_ms),
            milliseconds(variant.latency.p99_ms),
        )
        for variant in result.variants
    ]
    title = f"{result.test_images} held-back digits; the Keras model has {percent(result.keras_top1)} top-1"
    columns = ("variant", "size", "top-1", "agreement", "max error", "median", "p99")
    print_table(title, columns, rows)
    print_ties([each.name for each in result.variants], [each.latency.p50_ms for each in result.variants])
    click.echo(
        f"{result.replayed_images} images classified in a process without TensorFlow ({result.replay_interpreter}): "
        "all predictions are equal."
    )
    click.echo(f"Files in {result.folder}/:")
    for file in sorted(result.folder.iterdir()):
        if not file.name.startswith("."):
            click.echo(f"  {file.name}")
