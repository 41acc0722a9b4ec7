"""Kills the device's end of a push at lines of its own code: ``power_loss.py LINE ARGUMENT...`` runs the runtime so.

As a module: commands are run in forked processes, which have everything imported already.
"""

from __future__ import annotations

import io
import os
import runpy
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

from edgekit_runtime.store import transfer
from edgekit_runtime.store.installation import InstallOptions, roll_back
from edgekit_runtime.store.receiving import receive
from edgekit_runtime.store.slot import Slot

_STORE = str(Path(transfer.__file__).parent)


class LineCounter:
    """Counts the lines that run of the store's code, and kills the process before one of them."""

    def __init__(self, deadly: int = 0) -> None:
        self.lines, self._deadly = 0, deadly

    def trace(self, frame: FrameType, event: str, _: Any) -> Any:
        """For ``sys.settrace``."""
        if not frame.f_code.co_filename.startswith(_STORE):
            return None
        if event == "line":
            self.lines += 1
            if self.lines == self._deadly:
                os.kill(os.getpid(), signal.SIGKILL)
        return self.trace


def killed_at(line: int, command: Callable[[], object]) -> bool:
    """Run a command in another process that is killed before a line; whether it was."""
    child = os.fork()
    if child == 0:
        sys.settrace(LineCounter(line).trace)
        command()
        os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def lines_of(command: Callable[[], object]) -> int:
    """Number of lines of the store's code that a command runs."""
    counter = LineCounter()
    sys.settrace(counter.trace)
    try:
        command()
    finally:
        sys.settrace(None)
    return counter.lines


class Upload(io.RawIOBase):
    """What a workstation sends after the device's first line, in small pieces, and how much it was."""

    def __init__(self, content: bytes) -> None:
        self._content, self.first_line = content, io.StringIO()
        self.sent: int | None = None

    def read(self, size: int = -1) -> bytes:
        """At most 1,000 bytes of what the device has not received before."""
        if self.sent is None:
            self._start = int(self.first_line.getvalue().split(":")[1].strip(" }\n"))
            self.sent = 0
        begin = self._start + self.sent
        block = self._content[begin : begin + min(size, 1000)]
        self.sent += len(block)
        return block

    def push(self, digest: str, name: str) -> None:
        """Run the device's end."""
        file = digest, len(self._content)
        receive(file, name, InstallOptions(), stdin=self, stdout=self.first_line)  # type: ignore[arg-type]


def return_to_the_version_before(slot: Slot) -> None:
    """A rollback."""
    roll_back(slot, InstallOptions())


if __name__ == "__main__":
    sys.settrace(LineCounter(int(sys.argv[1])).trace)
    assert sys.argv[2] == "-m"
    sys.argv = sys.argv[3:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
