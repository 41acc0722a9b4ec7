"""What is accepted of mutated programs is loaded by PyTorch, and runs nothing but tensors."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

COUNT = 2000

SCRIPT = """
import json, resource, sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from converters.exported_programs.mutations import mutate
from edgekit_converters.exported_programs.program import read_program
from edgekit_converters.lowering.torch_module import example_inputs, named_module, require_bounded, runner
from edgekit_runtime.errors import EdgekitError
import torch
def run(path):
    program = read_program(path)
    module = named_module(program, channels_last=False)
    inputs = example_inputs(program, channels_last=False)
    require_bounded(program, module, inputs)
    runner(program, module, None)({name: x.numpy() for name, x in inputs.items()})
slowest, ran, refused = 0.0, 0, 0
run(Path(sys.argv[3]))
for seed in range(int(sys.argv[2])):
    path = mutate(Path("mutated.pt2"), seed)
    start = time.process_time()
    try:
        run(path)
        ran += 1
    except EdgekitError:
        pass
    except Exception:
        refused += 1
    slowest = max(slowest, time.process_time() - start)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(json.dumps({"slowest": slowest, "peak": peak, "ran": ran, "refused": refused}))
"""


def test_mutated_programs_leave_no_trace(tmp_path: Path) -> None:
    tests = Path(__file__).resolve().parents[1]
    sound = tests / "data" / "exported_programs" / "cnn.pt2"
    command = [sys.executable, "-c", SCRIPT, str(tests), str(COUNT), str(sound)]
    finished = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr[-2000:]
    result = json.loads(finished.stdout.splitlines()[-1])
    assert result["slowest"] < 5
    assert result["peak"] < 2**30
    assert 0 < result["ran"] < COUNT
    assert [path.name for path in tmp_path.iterdir()] == ["mutated.pt2"]
