"""Runs the programs that build a device."""

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
        DeviceUnavailableError: The program is missing; the message names the Debian package that contains it.
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
    """Run a program and return its standard output.

    Args:
        command: Program and arguments.
        doing: Short description of the step, for error messages.
        environment: Environment variables to set in addition to those of this process.
        folder: Working folder.
    Raises:
        DeviceUnavailableError: The program failed; the message contains its error output.
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
    """The first lines that report an error, or else the last line."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith(("E:", "ERROR:", "dpkg-deb: error"))]
    return "; ".join(errors[:2] or lines[-1:])
