"""What ten thousand loads leave behind: ``python benchmarks/runtime_loads.py MODEL [LOADS]``.

Each cycle loads a model, answers one sample and closes the model. Prints the growth of the process's resident memory in
MB of 1e6 bytes, and of the number of its file descriptors, since the first five hundred cycles. Linux only.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import edgekit_runtime
from edgekit_runtime.tensor_info import zeros

FIRST = 500


def cycle(path: str) -> None:
    """Load, ask, close."""
    with edgekit_runtime.load(path) as model:
        model.predict(zeros(model.inputs))


def resident_mb() -> float:
    """Resident memory of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def open_files() -> int:
    """File descriptors of this process."""
    return len(list(Path("/proc/self/fd").iterdir()))


def main() -> None:
    path, loads = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 10_000
    for _ in range(FIRST):
        cycle(path)
    before_mb, before_files = resident_mb(), open_files()
    for _ in range(loads):
        cycle(path)
    print(f"{loads} loads: {resident_mb() - before_mb:.2f} MB, {open_files() - before_files} file descriptors")


if __name__ == "__main__":
    main()
