"""Verifies the golden examples of a model on a device, with the device's interpreter."""

from __future__ import annotations

import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edgekit.devices.device import Device
from edgekit.devices.predictions import malformed, put_runtime, report_of
from edgekit_converters.temporary_folders import temporary_folder


@dataclass(frozen=True, slots=True)
class GoldenVerification:
    """Result of a verification on a device.

    Attributes:
        model: The .tflite.
        device: Device name.
        interpreter: Name and version of the interpreter on the device.
        examples: Number of golden examples.
        max_error: Largest difference of a value from the packed one.
        tolerance: Largest tolerance of any output.
        top1_equal: Number of examples whose largest value is at the same index.
        passed: Whether every value is within the tolerance of its output.
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
        """Plain values of the fields."""
        return {**asdict(self), "model": str(self.model)}


def verify_golden_on(device: Device, model: Path) -> GoldenVerification:
    """Verify the golden examples of a model on a device.

    Raises:
        EdgekitError: The model has none, or the device cannot run it.
    """
    with temporary_folder("device") as folder:
        put_runtime(folder)
        shutil.copyfile(model, folder / "model.tflite")
        done = device.run(["-m", "edgekit_runtime", "verify", "model.tflite", "--json"], folder)
    report = report_of(device, model, done)
    try:
        return GoldenVerification(
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
