"""How a model does on this device: cold start, latency, throughput, memory, and the state of the board."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from edgekit_runtime.errors import TensorMismatchError
from edgekit_runtime.execution.batches import available_cores
from edgekit_runtime.model import Model
from edgekit_runtime.tensor_info import zeros

COLD_STARTS = 3
BATCH = 256
THROUGHPUT_SECONDS = 1.0
_COLD_START = """
import sys, edgekit_runtime
from edgekit_runtime.tensor_info import zeros
model = edgekit_runtime.load(sys.argv[1], interpreter=sys.argv[2], public_key=sys.argv[3] or None)
model.predict(zeros(model.inputs))
try:
    print(open("/proc/self/status").read())
except OSError:
    pass
"""


@dataclass(frozen=True)
class Board:
    """What the board tells of itself; ``None`` and empty if it does not.

    Attributes:
        name: ``Raspberry Pi 4 Model B Rev 1.4``, say.
        temperature_c: Of the processor, in °C.
        clock_mhz: Of the first core, now.
        cores: Cores that this process may use.
    """

    name: str
    temperature_c: float | None
    clock_mhz: float | None
    cores: int


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


@dataclass(frozen=True)
class ThreadsResult:
    """Single predictions with a number of threads.

    Attributes:
        num_threads: Threads that an operator may use.
        load_ms: Reading and checking the file, and making the interpreter.
        first_ms: The first prediction.
        latency: Those after the warm-up.
    """

    num_threads: int
    load_ms: float
    first_ms: float
    latency: Latency


@dataclass(frozen=True)
class BenchmarkReport:
    """Everything that ``python -m edgekit_runtime bench`` finds.

    Attributes:
        interpreter: Name and version.
        threads: One entry for each number of threads.
        batch_images_per_second: Samples a second in large batches, spread over all cores.
        cold_start_ms: A process from its start to its first answer, the median; ``None`` where none can be started.
        peak_memory_mb: The largest resident size of such a process, in MB of 1e6 bytes; ``None`` where Linux does not
            tell it.
        before: The board before the measurement.
        after: And after it: a clock that fell tells of heat.
    """

    interpreter: str
    threads: tuple[ThreadsResult, ...]
    batch_images_per_second: float
    cold_start_ms: float | None
    peak_memory_mb: float | None
    before: Board
    after: Board

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for ``--json``."""
        return asdict(self)


def benchmark(
    path: str,
    open_model: Callable[..., Model],
    thread_counts: Sequence[int],
    runs: int,
    warmup: int,
    *,
    public_key: str | None = None,
) -> BenchmarkReport:
    """Measure a model.

    Args:
        path: Its file.
        open_model: Loads it; takes ``num_threads``.
        thread_counts: The numbers of threads to try.
        runs: Timed predictions for each.
        warmup: Predictions before them, not timed.
        public_key: The key it must be signed with, for the processes whose start is measured.
    """
    before = read_board()
    results = [_with_threads(open_model, number, runs, warmup) for number in thread_counts]
    model = open_model(num_threads=1)
    cold_start_ms, peak_memory_mb = _cold_start(path, model.interpreter, public_key)
    return BenchmarkReport(
        interpreter=f"{model.interpreter} {model.interpreter_version}",
        threads=tuple(results),
        batch_images_per_second=_throughput(model),
        cold_start_ms=cold_start_ms,
        peak_memory_mb=peak_memory_mb,
        before=before,
        after=read_board(),
    )


def measure_latency(model: Model, runs: int = 500, warmup: int = 50) -> Latency:
    """Time :meth:`Model.predict` of one sample, in the model's own dtype.

    Args:
        model: The model; sizes that the caller chooses are taken as 1.
        runs: Timed predictions.
        warmup: Predictions before them, not timed: the first ones find cold caches.
    """
    inputs = zeros(model.inputs)
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


def read_board() -> Board:
    """Ask the kernel, if it is Linux."""
    temperature, clock = (
        _number("class/thermal/thermal_zone0/temp"),
        _number("devices/system/cpu/cpu0/cpufreq/scaling_cur_freq"),
    )
    return Board(
        name=_text("/proc/device-tree/model").rstrip("\0\n"),
        temperature_c=None if temperature is None else temperature / 1000,
        clock_mhz=None if clock is None else clock / 1000,
        cores=available_cores(),
    )


def _with_threads(open_model: Callable[..., Model], number: int, runs: int, warmup: int) -> ThreadsResult:
    start = time.perf_counter()
    model = open_model(num_threads=number)
    loaded = time.perf_counter()
    model.predict(zeros(model.inputs))
    first = time.perf_counter()
    return ThreadsResult(number, 1000 * (loaded - start), 1000 * (first - loaded), measure_latency(model, runs, warmup))


def _throughput(model: Model) -> float:
    batch = {name: np.repeat(array, BATCH, axis=0) for name, array in zeros(model.inputs).items() if array.ndim}
    count = BATCH
    try:
        model.predict(batch)
    except TensorMismatchError:
        # Its first axis is no batch.
        batch, count = zeros(model.inputs), 1
    answered, start = 0, time.perf_counter()
    while answered == 0 or time.perf_counter() - start < THROUGHPUT_SECONDS:
        model.predict(batch)
        answered += count
    return answered / (time.perf_counter() - start)


def _cold_start(path: str, interpreter: str, public_key: str | None) -> tuple[float | None, float | None]:
    """Time of a whole process, and its peak memory."""
    import subprocess

    times = []
    for _ in range(COLD_STARTS):
        start = time.perf_counter()
        try:
            command = [sys.executable, "-c", _COLD_START, path, interpreter, public_key or ""]
            done = subprocess.run(command, check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            return None, None
        times.append(1000 * (time.perf_counter() - start))
    # Not getrusage's figure: a child's begins at what this process holds.
    peak = done.stdout.partition(b"VmHWM:")[2].split()
    return sorted(times)[COLD_STARTS // 2], int(peak[0]) * 1024 / 1e6 if peak else None


def _number(name: str) -> float | None:
    try:
        return float(_text(os.path.join("/sys", name)))
    except ValueError:
        return None


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""
