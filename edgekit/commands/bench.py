"""``edgekit bench``: times models on this machine."""

from __future__ import annotations

from pathlib import Path

import click

from edgekit.commands.shared.options import EXISTING_OR_NOT, json_option
from edgekit.commands.shared.reporting import report


@click.command()
@click.argument("models", nargs=-1, required=True, type=EXISTING_OR_NOT)
@click.option("--runs", type=click.IntRange(min=1), default=500, show_default=True, help="Timed predictions per model.")
@click.option(
    "--warmup", type=click.IntRange(min=0), default=50, show_default=True, help="Untimed predictions before them."
)
@click.option("--threads", type=click.IntRange(min=1), default=1, show_default=True, help="Threads per prediction.")
@json_option
def command(models: tuple[Path, ...], runs: int, warmup: int, threads: int, as_json: bool) -> None:
    """Time single predictions of MODELS (.tflite).

    Times on different machines are not comparable, ratios are.

    \b
    edgekit bench model.tflite model-int8.tflite
    """
    from edgekit.benchmark import benchmark
    from edgekit.reports.terminal.benchmark import print_benchmark

    result = benchmark(models, runs=runs, warmup=warmup, threads=threads)
    report(result.to_dict, lambda: print_benchmark(result), as_json=as_json)
