"""A process that computes without end is ended, and the error says why."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from edgekit_converters.lowering.child_failure import explain_ending

SPIN = """
import sys
from pathlib import Path
from edgekit_converters.lowering import cpu_time
cpu_time._SECONDS = 0.5
cpu_time.limit_cpu_time(Path(sys.argv[1]))
while True:
    pass
"""


def test_a_process_without_end_is_ended_and_leaves_no_core_file(tmp_path: Path) -> None:
    ended = subprocess.run([sys.executable, "-c", SPIN, str(tmp_path)], cwd=tmp_path, timeout=60)
    assert ended.returncode == -signal.SIGXCPU
    assert list(tmp_path.iterdir()) == []


def test_the_error_speaks_of_a_loop() -> None:
    error = explain_ending("endless", -signal.SIGXCPU, "")
    assert error.problem.startswith("endless computes without end")
    assert "a loop whose condition never becomes false" in error.next_step
