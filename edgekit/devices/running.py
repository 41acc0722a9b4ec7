"""A user's own program on a device of this machine, its input and output being this process's."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence

from edgekit.devices.answers import put_runtime
from edgekit.devices.device import PythonDevice, foreign_environment
from edgekit_converters.temporary_folders import temporary_folder
from edgekit_runtime.errors import UsageError


def run_python(device: PythonDevice, arguments: Sequence[str]) -> int:
    """Run a device's Python in the current folder, the device runtime importable.

    Args:
        device: Which.
        arguments: What follows ``python``.
    Returns:
        The exit code; 128 and the signal's number where a signal ended it.
    Raises:
        UsageError: A benchmark is to be run.
    """
    if list(arguments[:3]) == ["-m", "edgekit_runtime", "bench"]:
        raise UsageError(
            "An emulated processor's times say nothing about a Pi's.",
            next_step="run python -m edgekit_runtime bench on the Pi itself",
        )
    with temporary_folder("device") as folder:
        put_runtime(folder)
        environment = {**foreign_environment(), **device.environment, "PYTHONPATH": str(folder)}
        done = subprocess.run([str(device.python), *arguments], env=environment, check=False)
    return done.returncode if done.returncode >= 0 else 128 - done.returncode
