"""Measures the latency of models on this machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import edgekit_runtime
from edgekit.progress import tracked
from edgekit_runtime.device_benchmark import Latency, measure_latency


@dataclass(frozen=True, slots=True)
class TimedModel:
    """Latency of one model.

    Attributes:
        path: Path of the .tflite.
        size_bytes: File size in bytes.
        latency: Latency of single predictions.
    """

    path: Path
    size_bytes: int
    latency: Latency


@dataclass(frozen=True, slots=True)
class Benchmark:
    """Latencies of models that were timed in the same way.

    Attributes:
        runs: Number of timed predictions per model.
        threads: Number of threads per prediction.
        models: Timed models, in the order of the arguments.
    """

    runs: int
    threads: int
    models: tuple[TimedModel, ...]

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain values."""
        entries = [{"model": str(timed.path), **timed.latency.to_dict()} for timed in self.models]
        return {"threads": self.threads, "models": entries}


def benchmark(models: Sequence[Path], *, runs: int, warmup: int, threads: int) -> Benchmark:
    """Time single predictions of each model.

    Args:
        models: Paths of .tflite files.
        runs: Number of timed predictions per model.
        warmup: Number of untimed predictions before them.
        threads: Number of threads per prediction.
    Raises:
        EdgekitError: A file cannot be loaded.
    """
    # All models are loaded first, so that a damaged file is reported before any model is timed.
    loaded = [(path, edgekit_runtime.load(path, num_threads=threads)) for path in models]
    timed = [
        TimedModel(path, path.stat().st_size, measure_latency(model, runs=runs, warmup=warmup))
        for path, model in tracked(loaded, "Timing", total=len(loaded))
    ]
    return Benchmark(runs, threads, tuple(timed))
