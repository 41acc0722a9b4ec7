"""Finds the descendants of a process, and ends them."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path


def process_tree(pid: int) -> Iterator[int]:
    """Yield the ids of a process and of all its descendants; nothing on systems other than Linux."""
    pending = [pid] if sys.platform == "linux" else []
    while pending:
        process = pending.pop()
        yield process
        with contextlib.suppress(OSError):  # The process has ended meanwhile.
            for task in Path(f"/proc/{process}/task").iterdir():
                pending += [int(child) for child in (task / "children").read_text().split()]


def kill_descendants(spared: set[int]) -> None:
    """Kill the descendants of this process, whatever their sessions and process groups are.

    Args:
        spared: Ids of processes that go on.
    """
    stopped: set[int] = set()
    # A stopped process starts no further ones, and its children do not change their parent.
    while found := set(process_tree(os.getpid())) - spared - stopped - {os.getpid()}:
        _send(found, signal.SIGSTOP)
        stopped |= found
    _send(stopped, signal.SIGKILL)


def _send(processes: set[int], number: signal.Signals) -> None:
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, number)
