"""Latencies that may be compared: all models are timed in turn, since a machine's speed drifts for all alike."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

import edgekit_runtime

_WARM_UP = 5
_ROUNDS = 15
#: A model's turn takes so long, so that a fast one is timed often and a slow one at least once.
_TURN_S = 0.01
_MOST_RUNS_A_TURN = 50


def median_latencies_ms(models: Sequence[bytes], inputs: dict[str, np.ndarray]) -> list[float]:
    """Median time of one prediction by each model, in milliseconds.

    Args:
        models: The .tflite files' bytes.
        inputs: Examples by input name; the first is what is predicted, as floats.
    """
    example = {name: values[:1] for name, values in inputs.items()}
    predict = [edgekit_runtime.load(model).predict for model in models]
    runs = []
    for each in predict:
        for _ in range(_WARM_UP):
            each(example)
        start = time.perf_counter()
        each(example)
        runs.append(int(np.clip(_TURN_S / (time.perf_counter() - start), 1, _MOST_RUNS_A_TURN)))
    times_ns: list[list[int]] = [[] for _ in models]
    for _ in range(_ROUNDS):
        for number, each in enumerate(predict):
            for _ in range(runs[number]):
                start_ns = time.perf_counter_ns()
                each(example)
                times_ns[number].append(time.perf_counter_ns() - start_ns)
    return [float(np.median(times)) / 1e6 for times in times_ns]
