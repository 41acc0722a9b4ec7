"""Running the programs that a device is built with."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from edgekit_runtime.errors import EdgekitError


class DeviceUnavailableError(EdgekitError):
    """This machine cannot build the device: it lacks a program, the network, or the right processor."""


def require_program(name: str, package: str) -> None:
    """Raise if a program is not installed.

    Raises:
        DeviceUnavailableError: Naming the Debian package that brings it.
    """
    if shutil.which(name) is None:
        raise DeviceUnavailableError(
            f"An emulated Pi is built with {name}, which is not on this machine.",
            expected="Debian, Ubuntu, or another system with apt and dpkg",
            next_step=f"install {package}, or check on a real Pi with: edgekit devices check ssh:pi@HOST MODEL",
        )


def run(
    command: Sequence[str], *, doing: str, environment: Mapping[str, str] | None = None, folder: Path | None = None
) -> str:
    """Run a program and return what it prints.

    Args:
        command: Program and arguments.
        doing: What fails when it fails, a few words.
        environment: Variables that are set on top of this process's.
        folder: Where it works.
    Raises:
        DeviceUnavailableError: It failed; the message has what it said last.
    """
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            cwd=folder,
            env={**os.environ, "LC_ALL": "C", **(environment or {})},
        )
    except OSError as error:
        raise DeviceUnavailableError(f"{doing} failed.", received=str(error)) from error
    if done.returncode:
        raise DeviceUnavailableError(
            f"{doing} failed.",
            received=_last_words(done.stderr or done.stdout) or f"exit code {done.returncode} of {command[0]}",
            next_step="check the network and the free space, and run the command again",
        )
    return done.stdout


def _last_words(text: str) -> str:
    """The first lines that tell an error, else the last line."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith(("E:", "ERROR:", "dpkg-deb: error"))]
    return "; ".join(errors[:2] or lines[-1:])
