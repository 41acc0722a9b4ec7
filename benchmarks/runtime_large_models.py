"""Loading and running large models, against the bare interpreter: CPU seconds, memory, images per CPU second.

``python benchmarks/runtime_large_models.py [MODEL …] [--runs N] [--json]``: models of the size of MobileNetV2
(9 MB) and VGG16 (553 MB) are made on the spot. Every figure is of a process of its own, ours and the bare one in turn;
files are in the page cache; importing is not counted, except in the last row of a model. Linux only.
"""

from __future__ import annotations

import argparse
import compileall
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from made_models import MODELS, write
from PIL import Image
from ratios import command, time_in_turn

BATCH = 32
_SHARED = """
import json, sys, time
import numpy as np

def memory():
    fields = dict(line.split(":", 1) for line in open("/proc/self/status") if ":" in line)
    return {name: int(fields[name].split()[0]) * 1024 / 1e6 for name in ("RssAnon", "VmHWM")}

path = sys.argv[1]
images = np.random.default_rng(0).random((BATCH, 224, 224, 3), np.float32)
result = {}
"""
_MEASURE = """
start = time.process_time()
predict, predict_batch = load(path)
result["load_cpu_s"] = time.process_time() - start
predict(images[:1])
result["one"] = memory()
predict_batch(images)
result["batch"] = memory()
start, wall = time.process_time(), time.perf_counter()
for _ in range(ROUNDS):
    predict_batch(images)
result["batch_cpu_s"] = time.process_time() - start
result["batch_wall_s"] = time.perf_counter() - wall
print(json.dumps(result))
"""
_OURS = """
import edgekit_runtime, edgekit_runtime.loading
import edgekit_runtime.packed_file.known_digest, edgekit_runtime.packed_file.manifest
edgekit_runtime.load(SMALL).predict(np.zeros((1, 12, 12, 1), np.float32))

def load(path):
    model = edgekit_runtime.load(path)
    return model.predict, model.predict
"""
_BARE = """
from edgekit_runtime.interpreters.choosing import choose_interpreter
choose_interpreter().create(open(SMALL, "rb").read(), 1)
try:
    from ai_edge_litert.interpreter import Interpreter
except ImportError:
    from tflite_runtime.interpreter import Interpreter

def load(path):
    interpreter = Interpreter(model_path=path, num_threads=CORES)
    interpreter.allocate_tensors()
    source = interpreter.get_input_details()[0]["index"]
    target = interpreter.get_output_details()[0]["index"]

    def predict(image):
        interpreter.set_tensor(source, image)
        interpreter.invoke()
        return interpreter.get_tensor(target)

    return predict, lambda images: np.concatenate([predict(images[i : i + 1]) for i in range(len(images))])
"""
_BARE_COMMAND = """
import sys
import numpy as np
from PIL import Image
try:
    from ai_edge_litert.interpreter import Interpreter
except ImportError:
    from tflite_runtime.interpreter import Interpreter
interpreter = Interpreter(model_path=sys.argv[1], num_threads=1)
interpreter.allocate_tensors()
pixels = np.asarray(Image.open(sys.argv[2]).convert("RGB").resize((224, 224)), np.float32)[np.newaxis] / 255
interpreter.set_tensor(interpreter.get_input_details()[0]["index"], pixels)
interpreter.invoke()
scores = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])[0]
print(scores.argmax(), scores.max())
"""
TOP = Path(__file__).resolve().parent.parent
RUNTIME = TOP / "runtime" / "edgekit_runtime"
SMALL = TOP / "tests" / "data" / "tflite" / "cnn_float32.tflite"
#: The largest ratio to the bare interpreter that the project promises, by model and row.
PROMISED = {
    ("vgg16", "load, CPU"): 1.5,
    ("vgg16", "anonymous memory, one image"): 1.05,
    ("vgg16", f"anonymous memory, {BATCH} images"): 1.1,
    ("mobilenet_v2", "load, CPU"): 1.5,
    ("mobilenet_v2", f"peak memory, {BATCH} images"): 1.1,
    ("mobilenet_v2", "CPU seconds per image"): 1.0,
    ("mobilenet_v2", "python -m edgekit_runtime predict, one image, wall"): 1.15,
}


def measure(path: Path, program: str, rounds: int, cores: int) -> dict[str, Any]:
    """Figures of one process."""
    text = f"BATCH, ROUNDS, CORES, SMALL = {BATCH}, {rounds}, {cores}, {str(SMALL)!r}\n{_SHARED}{program}{_MEASURE}"
    done = subprocess.run([sys.executable, "-c", text, str(path)], check=True, stdout=subprocess.PIPE, text=True)
    measured: dict[str, Any] = json.loads(done.stdout)
    return measured


def rows(name: str, path: Path, runs: int) -> list[dict[str, Any]]:
    """Every row of a model's table; the median of ``runs`` alternated pairs."""
    rounds = 1 if name == "vgg16" else 3
    measure(path, _OURS, rounds, 2)
    pairs = [(measure(path, _OURS, rounds, 2), measure(path, _BARE, rounds, 2)) for _ in range(runs)]
    figures = {
        "load, CPU": lambda m: m["load_cpu_s"],
        "anonymous memory, one image": lambda m: m["one"]["RssAnon"],
        "peak memory, one image": lambda m: m["one"]["VmHWM"],
        f"anonymous memory, {BATCH} images": lambda m: m["batch"]["RssAnon"],
        f"peak memory, {BATCH} images": lambda m: m["batch"]["VmHWM"],
        "CPU seconds per image": lambda m: m["batch_cpu_s"] / rounds / BATCH,
        "wall seconds per image": lambda m: m["batch_wall_s"] / rounds / BATCH,
    }
    table = []
    for what, figure in figures.items():
        ours, peer = (statistics.median(figure(pair[side]) for pair in pairs) for side in (0, 1))
        table.append(_row(name, what, ours, peer))
    return [*table, _command_row(name, path, runs)]


def _command_row(name: str, path: Path, runs: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        image = Path(folder) / "image.png"
        Image.new("RGB", (224, 224), "teal").save(image)
        ratio = time_in_turn(
            "",
            command(sys.executable, "-m", "edgekit_runtime", "predict", str(path), str(image)),
            command(sys.executable, "-c", _BARE_COMMAND, str(path), str(image)),
            target=None,
            runs=3 * runs,
        )
    return _row(name, "python -m edgekit_runtime predict, one image, wall", ratio.ours_s, ratio.peer_s)


def _row(name: str, what: str, ours: float, peer: float) -> dict[str, Any]:
    target = PROMISED.get((name, what))
    return {"what": f"{name}: {what}", "ours": ours, "peer": peer, "ratio": ours / peer, "target": target}


def report(table: Sequence[dict[str, Any]], as_json: bool) -> None:
    """Print the rows as a table or as JSON."""
    if as_json:
        print(json.dumps(table, indent=1))
        return
    print("| what | ours | bare | ratio | at most |\n|---|---|---|---|---|")
    for row in table:
        limit = "" if row["target"] is None else f"{row['target']:.2f}"
        unit = "MB" if "memory" in row["what"] else "s"
        print(f"| {row['what']} | {row['ours']:.3f} {unit} | {row['peer']:.3f} {unit} | {row['ratio']:.2f} | {limit} |")


def main() -> None:
    parser = argparse.ArgumentParser(description="Large models against the bare interpreter.")
    parser.add_argument("models", nargs="*", metavar="MODEL", help=f"{', '.join(MODELS)} (default: all)")
    parser.add_argument("--runs", type=int, default=3, help="alternated pairs (default: 3)")
    parser.add_argument("--folder", type=Path, help="keep the models there")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    table = []
    with tempfile.TemporaryDirectory() as temporary:
        # The package as pip leaves it, compiled.
        shutil.copytree(RUNTIME, Path(temporary) / "edgekit_runtime")
        compileall.compile_dir(temporary, quiet=1)
        os.environ["PYTHONPATH"] = temporary
        for name in options.models or MODELS:
            table += rows(name, write(name, options.folder or Path(temporary)), options.runs)
    report(table, options.json)


if __name__ == "__main__":
    main()
