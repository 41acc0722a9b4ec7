"""Latencies that may be compared: all models are timed in turn, since a machine's speed drifts for all alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

import edgekit_runtime
from edgekit_runtime.tflite.tflite_model import TfliteModel

_WARM_UP = 5
_ROUNDS = 15
#: A model's turn takes so long, so that a fast one is timed often and a slow one at least once.
_TURN_S = 0.01
_MOST_RUNS_A_TURN = 50


def median_latencies_ms(models: Sequence[TfliteModel], inputs: dict[str, np.ndarray]) -> list[float]:
    """Median time of one prediction by each model, in milliseconds.

    Args:
        models: The models.
        inputs: Examples by input name; the first is what is predicted, as floats.
    """
    example = {name: values[:1] for name, values in inputs.items()}
    return median_times_ms([partial(edgekit_runtime.load(model).predict, example) for model in models])


def median_times_ms(calls: Sequence[Callable[[], object]]) -> list[float]:
    """Median time of each call, in milliseconds, all called in turn."""
    runs = []
    for call in calls:
        for _ in range(_WARM_UP):
            call()
        start = time.perf_counter()
        call()
        runs.append(int(np.clip(_TURN_S / (time.perf_counter() - start), 1, _MOST_RUNS_A_TURN)))
    times_ns: list[list[int]] = [[] for _ in calls]
    for _ in range(_ROUNDS):
        for number, call in enumerate(calls):
            for _ in range(runs[number]):
                start_ns = time.perf_counter_ns()
                call()
                times_ns[number].append(time.perf_counter_ns() - start_ns)
    return [float(np.median(times)) / 1e6 for times in times_ns]
