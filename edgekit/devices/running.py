"""Runs a user's program on a device of this machine, connected to this process's input and output."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence

from edgekit.devices.device import PythonDevice, foreign_environment
from edgekit.devices.predictions import put_runtime
from edgekit_converters.temporary_folders import temporary_folder
from edgekit_runtime.errors import UsageError


def run_python(device: PythonDevice, arguments: Sequence[str]) -> int:
    """Run a device's Python in the current folder, with the device runtime importable.

    Args:
        device: Device to run on.
        arguments: Arguments after ``python``.
    Returns:
        The exit code, or 128 plus the signal number if a signal ended the program.
    Raises:
        UsageError: The program is the benchmark, whose times would be meaningless.
    """
    if list(arguments[:3]) == ["-m", "edgekit_runtime", "bench"]:
        raise UsageError(
            "Times on an emulated processor say nothing about a real Pi.",
            next_step="run python -m edgekit_runtime bench on the Pi itself",
        )
    with temporary_folder("device") as folder:
        put_runtime(folder)
        environment = {**foreign_environment(), **device.environment, "PYTHONPATH": str(folder)}
        done = subprocess.run([str(device.python), *arguments], env=environment, check=False)
    return done.returncode if done.returncode >= 0 else 128 - done.returncode
