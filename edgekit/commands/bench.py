"""``edgekit bench``: how long models take on this machine."""

from __future__ import annotations

from pathlib import Path

import click

from edgekit.commands.options import EXISTING_OR_NOT, json_option


@click.command()
@click.argument("models", nargs=-1, required=True, type=EXISTING_OR_NOT)
@click.option("--runs", type=click.IntRange(min=1), default=500, show_default=True, help="Timed predictions a model.")
@click.option("--warmup", type=click.IntRange(min=0), default=50, show_default=True, help="Untimed ones before.")
@click.option("--threads", type=click.IntRange(min=1), default=1, show_default=True, help="Threads a prediction.")
@json_option
def command(models: tuple[Path, ...], runs: int, warmup: int, threads: int, as_json: bool) -> None:
    """Time single predictions of MODELS (.tflite).

    Times of two machines do not compare, ratios do.

    \b
    edgekit bench model.tflite model-int8.tflite
    """
    import edgekit_runtime
    from edgekit.progress import tracked
    from edgekit.reports.tables import kilobytes, milliseconds, print_json, print_table
    from edgekit_runtime.device_benchmark import measure_latency

    loaded = [(path, edgekit_runtime.load(path, num_threads=threads)) for path in models]
    results = [
        (path, measure_latency(model, runs=runs, warmup=warmup))
        for path, model in tracked(loaded, "Timing", total=len(loaded))
    ]
    if as_json:
        entries = [{"model": str(path), **latency.to_dict()} for path, latency in results]
        print_json({"threads": threads, "models": entries})
        return
    first = results[0][1].p50_ms
    rows = [
        (
            path.name,
            kilobytes(path.stat().st_size),
            milliseconds(latency.p50_ms),
            milliseconds(latency.p90_ms),
            milliseconds(latency.p99_ms),
            f"{latency.p50_ms / first:.2f} ×",
        )
        for path, latency in results
    ]
    columns = ("model", "size", "median", "p90", "p99", "against the first")
    print_table(f"{runs} predictions of one example, {threads} thread(s)", columns, rows)
