"""Devices: places with a Python, numpy and an interpreter, on which a model can run.

A :class:`Device` receives a folder with the runtime, a program and its files, and runs the program there; afterwards
the folder contains the program's output. This process's Python, that of another virtual environment and an emulated Pi
use this machine's files (:class:`PythonDevice`); a real Pi gets a copy over SSH (:mod:`edgekit.devices.ssh`).
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from edgekit_runtime.errors import EdgekitError


class Device(Protocol):
    """A device that can run programs of the runtime."""

    @property
    def name(self) -> str:
        """Name in messages and tables."""

    def run(self, arguments: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
        """Run Python with arguments in a folder, and wait for it.

        Args:
            arguments: Arguments after ``python``; paths are relative to ``folder``.
            folder: Folder that the program reads from and writes to.
        Raises:
            EdgekitError: The device cannot be reached.
        """


@dataclass(frozen=True, slots=True)
class PythonDevice:
    """A Python that this machine can start.

    Attributes:
        name: Name in messages and tables.
        python: Path of the Python interpreter.
        environment: Environment variables to set.
    """

    name: str
    python: Path
    environment: Mapping[str, str] = field(default_factory=dict)

    def run(self, arguments: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
        """See :meth:`Device.run`."""
        try:
            return subprocess.run(
                [str(self.python), *arguments],
                cwd=folder,
                env={**foreign_environment(), **self.environment},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
            )
        except OSError as error:
            raise EdgekitError(
                f"{self.python} could not be started.",
                received=error.strerror or str(error),
                next_step="pass the path of a Python, such as /home/me/venv/bin/python",
            ) from error


def foreign_environment() -> dict[str, str]:
    """This process's environment without PYTHON* variables, which are meant for its own Python only."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}


def this_machine() -> PythonDevice:
    """The Python of this process."""
    return PythonDevice("this machine", Path(sys.executable))
