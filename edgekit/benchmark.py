"""Measures the latency of models on this machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import edgekit_runtime
from edgekit.devices.device import Device, this_machine
from edgekit.devices.timing import explain_on, latency_on
from edgekit.progress import tracked
from edgekit_runtime.device_benchmark import Latency, measure_latency
from edgekit_runtime.profiling.explanation import Explanation


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
        device: Name of the device that ran the models.
        runs: Number of timed predictions per model.
        threads: Number of threads per prediction.
        models: Timed models, in the order of the arguments.
    """

    device: str
    runs: int
    threads: int
    models: tuple[TimedModel, ...]

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain values."""
        entries = [{"model": str(timed.path), **timed.latency.to_dict()} for timed in self.models]
        return {"device": self.device, "threads": self.threads, "models": entries}


@dataclass(frozen=True, slots=True)
class ExplainedModel:
    """Why one model is slow.

    Attributes:
        path: Path of the .tflite.
        device: Name of the device that ran it.
        explanation: Operators with their times, and causes.
    """

    path: Path
    device: str
    explanation: Explanation

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain values."""
        return {"model": str(self.path), "device": self.device, **self.explanation.to_dict()}


def benchmark(
    models: Sequence[Path], *, runs: int, warmup: int, threads: int, device: Device | None = None
) -> Benchmark:
    """Time single predictions of each model.

    Args:
        models: Paths of .tflite files.
        runs: Number of timed predictions per model.
        warmup: Number of untimed predictions before them.
        threads: Number of threads per prediction.
        device: Device to time them on; by default this process.
    Raises:
        EdgekitError: A file cannot be loaded, or the device does not run it.
    """
    # All models are loaded first, so that a damaged file is reported before any model is timed.
    loaded = [(path, edgekit_runtime.load(path, num_threads=threads)) for path in models]

    def latency_of(path: Path, model: edgekit_runtime.Model) -> Latency:
        if device is None:
            return measure_latency(model, runs=runs, warmup=warmup)
        return latency_on(device, path, runs=runs, warmup=warmup, threads=threads)

    timed = [
        TimedModel(path, path.stat().st_size, latency_of(path, model))
        for path, model in tracked(loaded, "Timing", total=len(loaded))
    ]
    return Benchmark((device or this_machine()).name, runs, threads, tuple(timed))


def explain_models(
    models: Sequence[Path], *, threads: Sequence[int], device: Device | None = None
) -> tuple[ExplainedModel, ...]:
    """Find out why models are slow: time every operator, and name the causes.

    Args:
        models: Paths of .tflite files.
        threads: Numbers of threads to compare; the operators are timed with the first.
        device: Device to run them on; by default a process of its own on this machine.
    Raises:
        EdgekitError: A file cannot be loaded, or the device does not run it.
    """
    for path in models:
        edgekit_runtime.load(path)
    device = device or this_machine()
    return tuple(
        ExplainedModel(path, device.name, explain_on(device, path, threads=threads))
        for path in tracked(models, "Timing operators", total=len(models))
    )
