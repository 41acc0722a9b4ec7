"""How long one prediction takes."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from edgekit_runtime.model import Model


@dataclass(frozen=True)
class Latency:
    """Times of single predictions, one after the other.

    Attributes:
        runs: How many were timed.
        p50_ms: The median.
        p90_ms: Nine of ten were this fast.
        p99_ms: 99 of 100 were this fast.
        mean_ms: The average.
        images_per_second: Samples answered in one second, at the average.
    """

    runs: int
    p50_ms: float
    p90_ms: float
    p99_ms: float
    mean_ms: float
    images_per_second: float

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, for ``--json``."""
        return asdict(self)


def measure(model: Model, runs: int = 500, warmup: int = 50) -> Latency:
    """Time :meth:`Model.predict` of one sample, in the model's own dtype.

    Args:
        model: The model; sizes that the caller chooses are taken as 1.
        runs: Timed predictions.
        warmup: Predictions before them, not timed: the first ones find cold caches.
    """
    inputs = zero_inputs(model)
    batch = inputs if len(inputs) > 1 else next(iter(inputs.values()))
    for _ in range(warmup):
        model.predict(batch)
    times_ns = np.empty(runs, np.int64)
    for run in range(runs):
        start = time.perf_counter_ns()
        model.predict(batch)
        times_ns[run] = time.perf_counter_ns() - start
    times_ms = times_ns / 1e6
    p50_ms, p90_ms, p99_ms = (float(value) for value in np.percentile(times_ms, (50, 90, 99)))
    mean_ms = float(times_ms.mean())
    samples = max(model.inputs[0].shape[0], 1) if model.inputs[0].shape else 1
    return Latency(runs, p50_ms, p90_ms, p99_ms, mean_ms, 1000 * samples / mean_ms)


def zero_inputs(model: Model) -> dict[str, np.ndarray]:
    """An input of zeros, in the model's own dtype, of one sample where the caller chooses how many."""
    return {info.name: np.zeros([max(size, 1) for size in info.shape], info.dtype) for info in model.inputs}
