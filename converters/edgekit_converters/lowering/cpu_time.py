"""Limits the CPU time of this process: a graph may contain an infinite loop."""

from __future__ import annotations

import resource
import time
from pathlib import Path

#: Small models are lowered in one second, large ones at a few MB per second.
_SECONDS, _SECONDS_PER_MB = 30.0, 4.0


def limit_cpu_time(source: Path) -> None:
    """Make the kernel end this process with SIGXCPU once it has used too much CPU time from now on.

    Args:
        source: The folder being processed; large models may take longer.
    """
    size_bytes = sum(file.stat().st_size for file in source.rglob("*") if file.is_file())
    end = time.process_time() + _SECONDS + _SECONDS_PER_MB * size_bytes / 1e6
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    limit = int(end) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard))
    # The signal would otherwise leave a core file in the user's folder.
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
