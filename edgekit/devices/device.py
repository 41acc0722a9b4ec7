"""Where a model can be run: every place is a Python that has numpy and an interpreter.

A :class:`Device` is handed a folder that holds the runtime, a program and its files, runs the program there, and the
folder holds the program's files afterwards. This process's Python, another virtual environment's and an emulated Pi's
work on this machine's files (:class:`PythonDevice`); a real Pi gets a copy over SSH (:mod:`edgekit.devices.ssh`).
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
    """A place where programs of the runtime run."""

    @property
    def name(self) -> str:
        """What messages and tables call it."""

    def run(self, arguments: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
        """Run Python with arguments in a folder, and wait for it.

        Args:
            arguments: What follows ``python``; paths relative to ``folder``.
            folder: Everything that the program reads, and where it writes.
        Raises:
            EdgekitError: The device cannot be reached.
        """


@dataclass(frozen=True, slots=True)
class PythonDevice:
    """A Python that this machine can start.

    Attributes:
        name: What messages and tables call it.
        python: The interpreter.
        environment: Variables that are set for it.
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
    """This process's environment without what is meant for its own Python: another one's packages differ."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}


def this_machine() -> PythonDevice:
    """This process's own Python."""
    return PythonDevice("this machine", Path(sys.executable))
