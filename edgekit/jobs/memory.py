"""Memory of this machine, and of a process with its children."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

from edgekit.jobs.process_tree import process_tree

#: Free memory is assumed to be this if the system does not report it.
_ASSUMED_BYTES = 4_000_000_000
#: Share of the free memory that jobs may use.
_SHARE = 0.8
_CGROUP = Path("/sys/fs/cgroup")


def usable_bytes() -> int:
    """Memory that jobs may use together: a share of what is free here and in the limit of the container."""
    try:
        found = Path("/proc/meminfo").read_text().partition("MemAvailable:")[2].split()
        free = 1024 * int(found[0])
    except (OSError, IndexError, ValueError):
        free = _ASSUMED_BYTES
    # Without a limit, the file is missing or says "max".
    with contextlib.suppress(OSError, ValueError):
        limit = int((_CGROUP / "memory.max").read_text()) - int((_CGROUP / "memory.current").read_text())
        free = min(free, max(limit, 0))
    return int(_SHARE * free)


def tree_bytes(pid: int) -> int:
    """Resident memory of a process and all its descendants; 0 on systems other than Linux."""
    page = os.sysconf("SC_PAGE_SIZE") if sys.platform == "linux" else 0
    total = 0
    for process in process_tree(pid):
        with contextlib.suppress(OSError):  # The process has ended meanwhile.
            total += page * int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return total
