"""Makes a child process end with its parent, even if the parent is killed."""

from __future__ import annotations

import ctypes
import os
import queue
import signal
import sys
import threading
from collections.abc import Iterator

_PR_SET_PDEATHSIG = 1


def end_with_parent(parent: int) -> None:
    """Make the kernel kill this process when its parent ends; on other systems :func:`lines_of_parent` does this.

    Args:
        parent: The parent's process id; it may already have ended.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)


def lines_of_parent(descriptor: int) -> Iterator[bytes]:
    """Yield lines that the parent writes; when it closes the pipe, this process ends at once, whatever it is doing."""
    lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_pass_on, args=(descriptor, lines), daemon=True).start()
    return iter(lines.get, None)


def _pass_on(descriptor: int, lines: queue.SimpleQueue[bytes]) -> None:
    # Not sys.stdin: Python cannot exit on an error while a thread waits in one of its buffered files.
    rest = b""
    while data := os.read(descriptor, 4096):
        *whole, rest = (rest + data).split(b"\n")
        for line in whole:
            lines.put(line)
    os._exit(1)
