"""A whole process with edgekit_runtime against one with the bare interpreter: cold start, memory, import.

``python benchmarks/runtime_process.py [MODEL.tflite …] [--json]``: from the process's start to the first label; by
default of a small model in tests/data/tflite, as it is and packed, with digests that no bare script checks. The
package is used as pip leaves it, compiled.
"""

from __future__ import annotations

import compileall
import importlib.util
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from ratios import Ratio, command, report, time_in_turn

from edgekit_runtime.tflite.tflite_model import TfliteModel

TOP = Path(__file__).resolve().parent.parent
RUNS = 41
BARE = """
import sys
import numpy as np
try:
    from ai_edge_litert.interpreter import Interpreter
except ImportError:
    from tflite_runtime.interpreter import Interpreter
interpreter = Interpreter(model_path=sys.argv[1], num_threads=1)
interpreter.allocate_tensors()
detail = interpreter.get_input_details()[0]
pixels = np.zeros(detail["shape"], np.uint8)
scale, zero_point = detail["quantization"]
values = (pixels / 255).astype(np.float32)
if scale:
    values = np.clip(np.round(values / scale + zero_point), -128, 127).astype(detail["dtype"])
interpreter.set_tensor(detail["index"], values)
interpreter.invoke()
print(interpreter.get_tensor(interpreter.get_output_details()[0]["index"])[0].argmax())
"""
OURS = """
import sys
import numpy as np
import edgekit_runtime
model = edgekit_runtime.load(sys.argv[1])
print(model.classify(np.zeros(model.inputs[0].shape[1:], np.uint8))[0].label)
"""
IMPORTS = "import numpy, {interpreter}"
OWN_IMPORTS = IMPORTS + "; from edgekit_runtime import Model, load"


def peak_mb(program: str, path: Path) -> float:
    """The largest resident size of a process, in MB of 1e6 bytes; the median of some."""
    measured = program + "import resource; print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)\n"
    sizes = []
    for _ in range(9):
        done = subprocess.run([sys.executable, "-c", measured, str(path)], capture_output=True, text=True, check=True)
        sizes.append(int(done.stdout.split()[-1]) * 1024 / 1e6)
    return statistics.median(sizes)


def import_line(interpreter: str) -> str:
    """What the package's import adds, in a sentence."""
    pair = time_in_turn(
        "import",
        command(sys.executable, "-c", OWN_IMPORTS.format(interpreter=interpreter)),
        command(sys.executable, "-c", IMPORTS.format(interpreter=interpreter)),
        target=0,
        runs=RUNS,
    )
    added_ms = 1000 * (pair.ours_s - pair.peer_s)
    return f"Importing the package adds {added_ms:.1f} ms to numpy and the interpreter; at most 15 promised."


def packed(path: Path, folder: Path) -> Path:
    """A copy with a manifest and digests."""
    from edgekit_converters.packaging.artifact import pack
    from edgekit_runtime.packed_file.manifest import Manifest

    target = folder / path.name
    target.write_bytes(pack(TfliteModel(path.read_bytes()), Manifest(labels=tuple("0123456789"))))
    return target


def main() -> None:
    given = [Path(argument) for argument in sys.argv[1:] if not argument.startswith("-")]
    ratios: list[Ratio] = []
    notes = []
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(TOP / "runtime" / "edgekit_runtime", Path(folder) / "edgekit_runtime")
        compileall.compile_dir(folder, quiet=1)
        os.environ["PYTHONPATH"] = folder
        plain = TOP / "tests" / "data" / "tflite" / "cnn_int8_io_int8.tflite"
        for path in given or [plain, packed(plain, Path(folder))]:
            what = path.name + (", packed" if str(path).startswith(folder) else "")
            ours, bare = (command(sys.executable, "-c", program, str(path)) for program in (OURS, BARE))
            ratios.append(time_in_turn(f"start to first label, {what}", ours, bare, target=1.15, runs=RUNS))
            sizes = peak_mb(OURS, path), peak_mb(BARE, path)
            notes.append(
                f"Peak memory, {what}: {sizes[0]:.1f} MB, bare {sizes[1]:.1f} MB: {sizes[0] / sizes[1]:.3f} ×;"
                " at most 1.05 promised."
            )
        interpreter = "ai_edge_litert" if importlib.util.find_spec("ai_edge_litert") else "tflite_runtime"
        notes.append(import_line(f"{interpreter}.interpreter"))
    report(ratios)
    if "--json" not in sys.argv:
        print("\n".join(notes))


if __name__ == "__main__":
    main()
