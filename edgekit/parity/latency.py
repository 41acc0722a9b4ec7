"""Latencies that may be compared: all models are timed in turn, since a machine's speed drifts for all alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import numpy as np

import edgekit_runtime
from edgekit.progress import Advance
from edgekit_runtime.tflite.tflite_model import TfliteModel

_WARM_UP = 5
_ROUNDS = 15
#: A model's turn takes so long, so that a fast one is timed often and a slow one at least once.
_TURN_S = 0.01
_MOST_RUNS_A_TURN = 50


@dataclass(frozen=True, slots=True, eq=False)
class TimedRounds:
    """Times of models that had their turns in the same rounds.

    Attributes:
        seconds: Seconds per prediction, float64 (rounds, models).
        machine: What ran the models: device, processor and interpreter.
    """

    seconds: np.ndarray
    machine: str


class Timer(Protocol):
    """Times models elsewhere than in this process, for example on the device that they are for."""

    @property
    def name(self) -> str:
        """Name of the machine, for messages."""

    def rounds_s(self, models: Sequence[bytes], *, rounds: int, seconds: float) -> TimedRounds:
        """Time single predictions of models in turn.

        Args:
            models: Contents of .tflite files.
            rounds: Smallest number of rounds.
            seconds: Time that the rounds take at least.
        """


def median_latencies_ms(
    models: Sequence[TfliteModel],
    inputs: Mapping[str, np.ndarray],
    *,
    rounds: int = _ROUNDS,
    warm_up: int = _WARM_UP,
    timer: Timer | None = None,
    progress: Advance | None = None,
) -> list[float]:
    """Median time of one prediction by each model, in milliseconds.

    Args:
        models: The models.
        inputs: Examples by input name; the first is what is predicted, as floats.
        rounds: How often each model has its turn.
        warm_up: Number of predictions before that, which are not timed.
        timer: Times the models elsewhere, on zeros instead of an example; by default they run in this process.
        progress: Counts the turns of models that run in this process.
    """
    if timer is not None:
        timed = timer.rounds_s([model.content for model in models], rounds=rounds, seconds=0)
        return [1000 * float(median) for median in np.median(timed.seconds, axis=0)]
    example = {name: values[:1] for name, values in inputs.items()}
    calls = [partial(edgekit_runtime.load(model).predict, example) for model in models]
    return median_times_ms(calls, rounds=rounds, warm_up=warm_up, progress=progress)


def median_times_ms(
    calls: Sequence[Callable[[], object]],
    *,
    rounds: int = _ROUNDS,
    warm_up: int = _WARM_UP,
    progress: Advance | None = None,
) -> list[float]:
    """Median time of each call, in milliseconds, all called in turn; ``progress`` counts the turns."""
    advance = progress or Advance(None)
    advance.expect((rounds + 1) * len(calls))
    runs = []
    for call in calls:
        for _ in range(warm_up):
            call()
        start = time.perf_counter()
        call()
        runs.append(int(np.clip(_TURN_S / (time.perf_counter() - start), 1, _MOST_RUNS_A_TURN)))
        advance(1)
    times_ns: list[list[int]] = [[] for _ in calls]
    for _ in range(rounds):
        for number, call in enumerate(calls):
            for _ in range(runs[number]):
                start_ns = time.perf_counter_ns()
                call()
                times_ns[number].append(time.perf_counter_ns() - start_ns)
            advance(1)
    return [float(np.median(times)) / 1e6 for times in times_ns]
