"""Runs one thing that a file may attack, and says what it took: ``python measured.py inspect|lower PATH [OPTION]…``.

The last line of the output is a JSON object: the error or refusal, the seconds of computing of this process and its
children, and the most memory that any of them has held.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from edgekit_runtime.errors import EdgekitError

MAX_SECONDS = 5
MAX_MEMORY_BYTES = 1 << 30


@dataclass(frozen=True)
class Measured:
    """What became of a file.

    Attributes:
        outcome: The error or refusal; "" for a file that was accepted.
        seconds: CPU time.
        memory_bytes: Peak memory.
    """

    outcome: str
    seconds: float
    memory_bytes: int

    def require_bounded(self, start_seconds: float = 0) -> None:
        """Fail for a file that took more than 5 s, beside the start of what reads it, or more than 1 GiB."""
        assert self.seconds <= start_seconds + MAX_SECONDS, self
        assert self.memory_bytes <= MAX_MEMORY_BYTES, self


def measure(action: str, *arguments: object) -> Measured:
    """Run this file in a process of its own."""
    command = [sys.executable, __file__, action, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    return Measured(**json.loads(done.stdout.splitlines()[-1]))


def peak_memory_bytes() -> int:
    """The most that this process has held; getrusage would count the memory of the process that started it."""
    (line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) * 1024


def _inspect(path: Path) -> str:
    from edgekit_converters.keras_files.summary import summarize

    return summarize(path).refusal


def _lower(path: Path) -> str:
    from edgekit_converters.lowering import LoweringRequest
    from edgekit_converters.lowering.process import lower

    lower(LoweringRequest(path))
    return ""


def main(action: str, path: Path) -> None:
    """Do it and print what it took."""
    try:
        outcome = {"inspect": _inspect, "lower": _lower}[action](path)
    except EdgekitError as error:
        outcome = str(error)
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime
    memory_bytes = max(peak_memory_bytes(), children.ru_maxrss * 1024)
    print(json.dumps({"outcome": outcome, "seconds": seconds, "memory_bytes": memory_bytes}))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
