"""Benchmarks a model on this device: cold start, latency, throughput, memory, and the state of the board."""

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


#: Meaning of the lowest bits of ``vcgencmd get_throttled``. Source: documentation of the Raspberry Pi's vcgencmd.
THROTTLED = ("under-voltage", "clock capped", "throttled", "temperature limit")


@dataclass(frozen=True)
class Board:
    """State of the board; ``None`` or empty for values that the board does not report.

    Attributes:
        name: Board name, such as ``Raspberry Pi 4 Model B Rev 1.4``.
        temperature_c: Temperature of the processor in °C.
        clock_mhz: Current clock frequency of the first core in MHz.
        cores: Number of cores that this process may use.
        throttled_flags: What ``vcgencmd get_throttled`` of a Raspberry Pi prints; see ``THROTTLED``.
    """

    name: str
    temperature_c: float | None
    clock_mhz: float | None
    cores: int
    throttled_flags: int | None = None

    def throttled_since(self, before: Board) -> tuple[str, ...]:
        """What limits the processor now, or has limited it since ``before``."""
        now, then = self.throttled_flags or 0, before.throttled_flags or 0
        # The same four bits again, 16 places higher, say what has happened since the start of the board.
        flags = now | (now >> 16 & ~(then >> 16))
        return tuple(what for bit, what in enumerate(THROTTLED) if flags >> bit & 1)


@dataclass(frozen=True)
class Latency:
    """Latency of single predictions that run one after the other.

    Attributes:
        runs: Number of timed predictions.
        p50_ms: Median in milliseconds.
        p90_ms: 90th percentile in milliseconds.
        p99_ms: 99th percentile in milliseconds.
        mean_ms: Mean in milliseconds.
        images_per_second: Examples per second, computed from the mean.
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
    """Results of single predictions for one number of threads.

    Attributes:
        num_threads: Number of threads that one operator may use.
        load_ms: Time to read and check the file and to create the interpreter, in milliseconds.
        first_ms: Time of the first prediction in milliseconds.
        latency: Latency of the predictions after the warm-up.
    """

    num_threads: int
    load_ms: float
    first_ms: float
    latency: Latency


@dataclass(frozen=True)
class BenchmarkReport:
    """Results of ``python -m edgekit_runtime bench``.

    Attributes:
        interpreter: Name and version of the interpreter.
        threads: One entry per number of threads.
        batch_images_per_second: Examples per second in large batches, spread over all cores.
        cold_start_ms: Median time from the start of a process to its first prediction, in milliseconds; ``None`` if no
            process can be started.
        peak_memory_mb: Peak resident memory of such a process, in MB of 1e6 bytes; ``None`` if the system does not
            report it.
        before: State of the board before the measurement.
        after: State of the board after the measurement; a lower clock frequency indicates thermal throttling.
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
    """Benchmark a model.

    Args:
        path: Path of the model file.
        open_model: Loads the model; accepts ``num_threads``.
        thread_counts: Numbers of threads to measure.
        runs: Number of timed predictions for each of them.
        warmup: Number of untimed predictions before the timed ones.
        public_key: Key that the model must be signed with, for the processes whose cold start is measured.
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
    """Time :meth:`Model.predict` on one example, in the dtype of the model's input.

    Args:
        model: The model; sizes that the caller chooses are set to 1.
        runs: Number of timed predictions.
        warmup: Number of untimed predictions before the timed ones; the first predictions run with cold caches.
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
    """Read the state of the board from the Linux kernel; on other systems most fields are empty."""
    temperature, clock = (
        _number("class/thermal/thermal_zone0/temp"),
        _number("devices/system/cpu/cpu0/cpufreq/scaling_cur_freq"),
    )
    return Board(
        name=_text("/proc/device-tree/model").rstrip("\0\n"),
        temperature_c=None if temperature is None else temperature / 1000,
        clock_mhz=None if clock is None else clock / 1000,
        cores=available_cores(),
        throttled_flags=_throttled_flags(),
    )


def _throttled_flags() -> int | None:
    import shutil
    import subprocess

    tool = shutil.which("vcgencmd")
    if tool is None:
        return None
    try:
        done = subprocess.run([tool, "get_throttled"], capture_output=True, timeout=5, check=True)
        return int(done.stdout.partition(b"=")[2], 16)
    except (OSError, subprocess.SubprocessError, ValueError):
        return None


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
        # The first axis is not a batch axis.
        batch, count = zeros(model.inputs), 1
    examples, start = 0, time.perf_counter()
    while examples == 0 or time.perf_counter() - start < THROUGHPUT_SECONDS:
        model.predict(batch)
        examples += count
    return examples / (time.perf_counter() - start)


def _cold_start(path: str, interpreter: str, public_key: str | None) -> tuple[float | None, float | None]:
    """Median time of a whole process in milliseconds, and its peak memory in MB."""
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
    # getrusage() is not usable here: its value for a child process starts at the memory of this process.
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
