"""The golden examples in a model, replayed on a device by the device's own interpreter."""

from __future__ import annotations

import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edgekit.devices.answers import malformed, put_runtime, report_of
from edgekit.devices.device import Device
from edgekit_converters.temporary_folders import temporary_folder


@dataclass(frozen=True, slots=True)
class GoldenReplay:
    """How a model did on a device.

    Attributes:
        model: The .tflite.
        device: What the device is called.
        interpreter: The interpreter there, with its version.
        examples: How many were replayed.
        max_error: Largest distance of a value from the packed one.
        tolerance: How far it may be, of the output that may be the farthest.
        top1_equal: Examples whose largest value is at the same place.
        passed: Whether every value lies within its output's tolerance.
    """

    model: Path
    device: str
    interpreter: str
    examples: int
    max_error: float
    tolerance: float
    top1_equal: int
    passed: bool

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain values."""
        return {**asdict(self), "model": str(self.model)}


def replay_golden_on(device: Device, model: Path) -> GoldenReplay:
    """Replay a model's golden examples on a device.

    Raises:
        EdgekitError: It has none, or the device does not run it.
    """
    with temporary_folder("device") as folder:
        put_runtime(folder)
        shutil.copyfile(model, folder / "model.tflite")
        done = device.run(["-m", "edgekit_runtime", "verify", "model.tflite", "--json"], folder)
    report = report_of(device, model, done)
    try:
        return GoldenReplay(
            model=model,
            device=device.name,
            interpreter=str(report["interpreter"]),
            examples=int(report["examples"]),
            max_error=float(max(report["max_error"])),
            tolerance=float(max(report["tolerance"])),
            top1_equal=int(sum(report["top1_equal"])),
            passed=report["passed"] is True,
        )
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise malformed(device, repr(error)) from error
