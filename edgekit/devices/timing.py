"""How long a model takes on a device, measured there by the device runtime."""

from __future__ import annotations

import platform
import re
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgekit.devices import time_in_turn
from edgekit.devices.device import Device, this_machine
from edgekit.devices.emulation.catalogue import KINDS
from edgekit.devices.finding import find_devices
from edgekit.devices.predictions import malformed, put_runtime, report_of
from edgekit.parity.latency import TimedRounds
from edgekit_converters.temporary_folders import temporary_folder
from edgekit_runtime.device_benchmark import Latency
from edgekit_runtime.errors import UsageError
from edgekit_runtime.profiling.explanation import Explanation

_PROCESSOR_FILE = Path("/proc/cpuinfo")


@dataclass(frozen=True, slots=True)
class DeviceTiming:
    """Latency and memory of a model on one device, with one thread.

    Attributes:
        device: What the board or the processor calls itself, else what the user called the device.
        interpreter: The interpreter there, with its version.
        runs: Timed predictions of one example.
        p50_ms: Median latency.
        p90_ms: 90 % of the predictions were this fast.
        p99_ms: 99 % of the predictions were this fast.
        peak_memory_mb: Largest resident size of a process that loads the model and predicts, in MB of 1e6 bytes; None
            if the device does not report it.
    """

    device: str
    interpreter: str
    runs: int
    p50_ms: float
    p90_ms: float
    p99_ms: float
    peak_memory_mb: float | None

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain values."""
        return asdict(self)


def find_timed_device(where: str) -> Device:
    """The device that the user names, if times measured there mean something.

    Args:
        where: What ``find_devices`` takes.
    Raises:
        UsageError: There is no such device, or it is emulated.
    """
    if where in KINDS:
        raise UsageError(
            f"{where} is emulated: how long it takes and what memory it needs says nothing of a real Pi.",
            expected="ssh:USER@HOST, here, or the path of a Python",
            received=where,
            next_step="measure on the Pi itself: --device ssh:pi@raspberrypi.local",
        )
    (device,) = find_devices(where)
    return device


def time_on(device: Device, model: Path, *, runs: int) -> DeviceTiming:
    """Time single predictions of a model on a device, and measure the memory of a process there.

    Args:
        device: The device; it gets this machine's copy of the runtime.
        model: A .tflite.
        runs: Timed predictions.
    Raises:
        EdgekitError: The device does not run the model.
    """
    report = _bench(device, model, "--threads", "1", "--runs", str(runs))
    try:
        latency, peak = report["threads"][0]["latency"], report["peak_memory_mb"]
        return DeviceTiming(
            device=str(report["after"]["name"]) or _processor_of(device),
            interpreter=str(report["interpreter"]),
            runs=int(latency["runs"]),
            p50_ms=float(latency["p50_ms"]),
            p90_ms=float(latency["p90_ms"]),
            p99_ms=float(latency["p99_ms"]),
            peak_memory_mb=None if peak is None else float(peak),
        )
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise malformed(device, repr(error)) from error


def latency_on(device: Device, model: Path, *, runs: int, warmup: int, threads: int) -> Latency:
    """Time single predictions of a model on a device.

    Args:
        device: The device; it gets this machine's copy of the runtime.
        model: A .tflite.
        runs: Timed predictions.
        warmup: Untimed predictions before them.
        threads: Threads per prediction.
    Raises:
        EdgekitError: The device does not run the model.
    """
    report = _bench(device, model, "--threads", str(threads), "--runs", str(runs), "--warmup", str(warmup))
    try:
        values = report["threads"][0]["latency"]
        names = ("p50_ms", "p90_ms", "p99_ms", "mean_ms", "images_per_second")
        return Latency(int(values["runs"]), *(float(values[name]) for name in names))
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise malformed(device, repr(error)) from error


def explain_on(device: Device, model: Path, *, threads: Sequence[int]) -> Explanation:
    """Find out on a device why a model is slow there.

    Args:
        device: The device; it gets this machine's copy of the runtime.
        model: A .tflite.
        threads: Numbers of threads to compare; the operators are timed with the first.
    Raises:
        EdgekitError: The device does not run the model.
    """
    report = _bench(device, model, "--explain", *(part for count in threads for part in ("--threads", str(count))))
    try:
        return Explanation.from_dict(report)
    except (KeyError, TypeError, ValueError) as error:
        raise malformed(device, repr(error)) from error


@dataclass(frozen=True, slots=True)
class DeviceTimer:
    """Times models in turn on a device, for decisions about models that will run there.

    Attributes:
        device: The device; it gets this machine's copy of the runtime.
    """

    device: Device

    @property
    def name(self) -> str:
        """Name of the device."""
        return self.device.name

    def rounds_s(self, models: Sequence[bytes], *, rounds: int, seconds: float) -> TimedRounds:
        """See :meth:`edgekit.parity.latency.Timer.rounds_s`.

        Raises:
            EdgekitError: The device does not run one of the models.
        """
        with temporary_folder("device") as folder:
            put_runtime(folder)
            shutil.copyfile(time_in_turn.__file__, folder / "time_in_turn.py")
            names = [f"model{number}.tflite" for number in range(len(models))]
            for name, model in zip(names, models, strict=True):
                (folder / name).write_bytes(model)
            done = self.device.run(["time_in_turn.py", str(rounds), str(seconds), *names], folder)
            report = report_of(self.device, Path(names[0]), done)
        try:
            times = np.array(report["rounds_s"], np.float64)
            if times.ndim != 2 or times.shape[0] < rounds or times.shape[1] != len(models) or not (times > 0).all():
                raise ValueError(f"times of the shape {times.shape}")
            return TimedRounds(times, f"{self.device.name}, {report['machine']}, {report['interpreter']}")
        except (KeyError, TypeError, ValueError) as error:
            raise malformed(self.device, repr(error)) from error


def _bench(device: Device, model: Path, *options: str) -> dict[str, Any]:
    with temporary_folder("device") as folder:
        put_runtime(folder)
        shutil.copyfile(model, folder / "model.tflite")
        arguments = ["-m", "edgekit_runtime", "bench", "model.tflite", *options, "--json"]
        return report_of(device, model, device.run(arguments, folder))


def _processor_of(device: Device) -> str:
    """The processor's name if the device is this machine: "this machine" means nothing to others."""
    if device.name != this_machine().name:
        return device.name
    try:
        found = re.search(r"^model name\s*:\s*(.+)$", _PROCESSOR_FILE.read_text(errors="replace"), re.MULTILINE)
    except OSError:
        found = None
    return found[1].strip() if found else f"{platform.system()} on {platform.machine()}"
