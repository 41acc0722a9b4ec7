"""Mutated programs are read or refused with a sentence, in little time and memory."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

SEEDS = range(2000)

SCRIPT = """
import json, sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from exported_programs.mutations import mutate
from edgekit_converters.exported_programs.program import archive_for_pytorch, read_program
from edgekit_runtime.errors import EdgekitError
slowest, read = 0.0, 0
for seed in range(int(sys.argv[2])):
    path = mutate(Path("mutated.pt2"), seed)
    start = time.process_time()
    try:
        archive_for_pytorch(read_program(path))
        read += 1
    except EdgekitError:
        pass
    slowest = max(slowest, time.process_time() - start)
# Not ru_maxrss, which a process takes over from the one that started it.
status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
peak = int(status["VmHWM"].split()[0]) * 1024
print(json.dumps({"slowest": slowest, "peak": peak, "read": read}))
"""


def test_two_thousand_mutations_are_read_or_refused(tmp_path: Path) -> None:
    tests = Path(__file__).resolve().parents[1]
    command = [sys.executable, "-c", SCRIPT, str(tests), str(len(SEEDS))]
    finished = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr
    result = json.loads(finished.stdout)
    assert result["slowest"] < 5
    assert result["peak"] < 2**30
    assert 0 < result["read"] < len(SEEDS)
    assert [path.name for path in tmp_path.iterdir()] == ["mutated.pt2"]
