"""Measures latency as a ratio to a reference model timed in the same run.

Times from two machines, or from two moments on a busy machine, are not comparable. Candidate and reference are timed
alternately in short bursts, so the ratio of the two bursts of a round sees both under the same load.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable
from importlib import resources
from pathlib import Path

import numpy as np

import edgekit_runtime
from edgekit.parity.latency import Timer
from edgekit.regression.baseline.stored import LatencyRatio
from edgekit_runtime.model import Model
from edgekit_runtime.packed_file.model_file import read_model_file

#: The reference models that are part of edgekit.
BUILT_IN = {"built-in float32": "reference_float32.tflite", "built-in int8": "reference_int8.tflite"}
_BURST_S = 0.004
_SECONDS = 1.5
_FEWEST_ROUNDS, _MOST_ROUNDS = 15, 150
_CONFIDENCE = 0.99


def measure_latency_ratio(candidate: Model, reference: Path | str) -> LatencyRatio:
    """Time single predictions of a candidate and of a reference model alternately.

    Args:
        candidate: The loaded candidate.
        reference: A .tflite, or the name of a built-in model.
    Raises:
        EdgekitError: The reference cannot be loaded.
    """
    content, name = _reference(reference)
    other = edgekit_runtime.load(content)
    bursts = [_burst(candidate), _burst(other)]
    rounds: list[tuple[float, float]] = []
    start = time.perf_counter()
    while len(rounds) < _FEWEST_ROUNDS or (time.perf_counter() - start < _SECONDS and len(rounds) < _MOST_ROUNDS):
        # Each goes first in half of the rounds, because the state of the caches affects the second.
        first = len(rounds) % 2
        times = {first: bursts[first](), 1 - first: bursts[1 - first]()}
        rounds.append((times[0], times[1]))
    machine = f"{_processor()}, {candidate.interpreter} {candidate.interpreter_version}"
    return _latency_ratio(np.array(rounds), name, machine)


def latency_ratio_on(timer: Timer, candidate: bytes, reference: Path | str) -> LatencyRatio:
    """Like :func:`measure_latency_ratio`, on the machine of a timer.

    Args:
        timer: Times both models in turn.
        candidate: Content of the candidate.
        reference: A .tflite, or the name of a built-in model.
    Raises:
        EdgekitError: The reference cannot be read, or the machine does not run a model.
    """
    content, name = _reference(reference)
    timed = timer.rounds_s([candidate, content], rounds=_FEWEST_ROUNDS, seconds=_SECONDS)
    return _latency_ratio(timed.seconds, name, timed.machine)


def _reference(reference: Path | str) -> tuple[bytes, str]:
    if isinstance(reference, str):
        return resources.files("edgekit.regression").joinpath(BUILT_IN[reference]).read_bytes(), reference
    return read_model_file(reference), reference.name


def _latency_ratio(seconds: np.ndarray, reference: str, machine: str) -> LatencyRatio:
    """The ratio with its interval, from the seconds of candidate and reference in each round."""
    ratios = np.sort(seconds[:, 0] / seconds[:, 1])
    low, high = median_interval_ranks(len(ratios), _CONFIDENCE)
    return LatencyRatio(
        ratio=round(float(np.median(ratios)), 4),
        low=round(float(ratios[low]), 4),
        high=round(float(ratios[high]), 4),
        p50_ms=round(1000 * float(np.median(seconds[:, 0])), 5),
        reference=reference,
        machine=machine,
    )


def median_interval_ranks(count: int, confidence: float) -> tuple[int, int]:
    """Ranks (from 0) of the sorted values that enclose the median, for any distribution.

    Each value is below the median with probability 1/2, so the ranks are quantiles of the binomial distribution.

    Source: Conover, Practical Nonparametric Statistics, section 3.2.
    """
    from scipy.stats import binom

    below = int(binom.ppf((1 - confidence) / 2, count, 0.5))
    return max(below - 1, 0), min(count - below, count - 1)


def _burst(model: Model) -> Callable[[], float]:
    """A function that returns the time of one prediction in seconds, averaged over a burst of a few milliseconds."""
    inputs = {info.name: np.zeros([max(size, 1) for size in info.shape], info.dtype) for info in model.inputs}
    batch = inputs if len(inputs) > 1 else next(iter(inputs.values()))

    def run(calls: int) -> float:
        start = time.perf_counter()
        for _ in range(calls):
            model.predict(batch)
        return (time.perf_counter() - start) / calls

    run(3)
    calls = max(1, int(_BURST_S / run(3)))
    return lambda: run(calls)


def built_in_reference(model: Model) -> str:
    """The built-in reference with the model's arithmetic, judged by the type of most of its constant bytes."""
    bytes_of: dict[str, int] = {}
    for tensor in model.description.tensors:
        if tensor.is_constant:
            bytes_of[tensor.dtype] = bytes_of.get(tensor.dtype, 0) + tensor.size_bytes
    most = max(bytes_of, key=lambda dtype: bytes_of[dtype], default="float32")
    return "built-in int8" if most in ("int8", "uint8") else "built-in float32"


def _processor() -> str:
    """The processor model as Linux reports it, otherwise its family."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
