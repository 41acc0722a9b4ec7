"""Runs a model on a device and reads its predictions."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

import edgekit_runtime
from edgekit.devices import on_device
from edgekit.devices.device import Device
from edgekit.devices.ssh_response import LARGEST_RESPONSE_BYTES
from edgekit_converters.temporary_folders import temporary_folder
from edgekit_runtime.errors import EdgekitError


@dataclass(frozen=True, slots=True)
class DeviceFacts:
    """Description of a device.

    Attributes:
        name: Device name.
        machine: Processor architecture.
        python: Python version.
        numpy: NumPy version.
        interpreter: Name and version of the interpreter for .tflite models.
    """

    name: str
    machine: str
    python: str
    numpy: str
    interpreter: str

    def to_dict(self) -> dict[str, str]:
        """Plain values of the fields."""
        return asdict(self)


def predictions_of(device: Device, model: Path, inputs: Sequence[np.ndarray]) -> tuple[list[np.ndarray], DeviceFacts]:
    """Run a model on a device.

    Args:
        device: Device to run on; it receives this machine's copy of the runtime.
        model: A .tflite.
        inputs: One array per model input, in the model's order, shape (N, ...).
    Returns:
        One array per output, in the model's order, and the description of the device.
    Raises:
        EdgekitError: The device lacks numpy or an interpreter, refuses the model, or crashes on it.
    """
    with temporary_folder("device") as folder:
        put_runtime(folder)
        shutil.copyfile(on_device.__file__, folder / "on_device.py")
        shutil.copyfile(model, folder / "model.tflite")
        np.savez(folder / "inputs.npz", *inputs)
        done = device.run(["on_device.py", "model.tflite", "inputs.npz", "outputs.npz"], folder)
        facts = report_of(device, model, done)
        outputs = _read_outputs(device, folder / "outputs.npz")
    try:
        return outputs, DeviceFacts(device.name, **{name: str(value) for name, value in facts.items()})
    except TypeError as error:
        raise malformed(device, str(error)) from error


def _read_outputs(device: Device, path: Path) -> list[np.ndarray]:
    """Read the arrays that the program on the device has written, without trusting them."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            if sum(entry.file_size for entry in arrays.zip.infolist()) > LARGEST_RESPONSE_BYTES:
                raise ValueError("arrays that are too large")
            outputs = [arrays[f"arr_{number}"] for number in range(len(arrays.files))]
        if not all(array.dtype.kind in "biufc" for array in outputs):
            raise ValueError("arrays that are not numeric")
        return outputs
    # numpy raises many kinds of exceptions for damaged arrays.
    except Exception as error:
        raise malformed(device, str(error)) from error


def put_runtime(folder: Path) -> None:
    """Link this machine's device runtime into a folder, where programs in the folder find it."""
    package = Path(edgekit_runtime.__file__).parent
    (folder / package.name).symlink_to(package)


def report_of(device: Device, model: Path, done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """Parse the JSON that a program of the runtime printed on a device.

    Raises:
        EdgekitError: The program crashed, did not start, or reports an error.
    """
    exit_code = done.returncode
    if exit_code < 0 or exit_code > 128:
        number = -exit_code if exit_code < 0 else exit_code - 128
        raise EdgekitError(
            f"{model.name} crashes the interpreter on {device.name}.",
            received=f"signal {number}" + (f", {signal.strsignal(number)}" if signal.strsignal(number) else ""),
            next_step="convert it for that interpreter's version, or install another interpreter there",
        )
    try:
        report: dict[str, Any] = json.loads(done.stdout)
    except (ValueError, RecursionError):
        raise EdgekitError(
            f"{device.name} could not run {model.name}.",
            expected="a Python with numpy and ai-edge-litert or tflite-runtime",
            received=(done.stderr.strip().splitlines() or [f"exit code {exit_code}"])[-1],
            next_step="install edgekit-runtime there",
        ) from None
    if not isinstance(report, dict):
        raise malformed(device, f"a {type(report).__name__}")
    if "error" in report:
        problem, expected, received, next_step = (
            str(report.get(part, "")) for part in ("problem", "expected", "received", "next_step")
        )
        raise EdgekitError(f"{device.name}: {problem}", expected=expected, received=received, next_step=next_step)
    return report


def malformed(device: Device, why: str) -> EdgekitError:
    """The error for a device whose response does not come from a program of the runtime."""
    return EdgekitError(
        f"{device.name} sent an invalid response.",
        received=why,
        next_step="check that the program on the device is the one that edgekit sent",
    )
