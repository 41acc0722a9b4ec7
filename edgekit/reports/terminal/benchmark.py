"""Prints the result of ``edgekit bench``."""

from __future__ import annotations

from edgekit.benchmark import Benchmark
from edgekit.reports.terminal.tables import kilobytes, milliseconds, print_table


def print_benchmark(benchmark: Benchmark) -> None:
    """Print one row per model: size, latency, and the ratio of its median to that of the first model."""
    first = benchmark.models[0].latency.p50_ms
    rows = [
        (
            timed.path.name,
            kilobytes(timed.size_bytes),
            milliseconds(timed.latency.p50_ms),
            milliseconds(timed.latency.p90_ms),
            milliseconds(timed.latency.p99_ms),
            f"{timed.latency.p50_ms / first:.2f} ×",
        )
        for timed in benchmark.models
    ]
    columns = ("model", "size", "median", "p90", "p99", "against the first")
    title = f"{benchmark.runs} predictions of one example on {benchmark.device}, {benchmark.threads} thread(s)"
    print_table(title, columns, rows)
