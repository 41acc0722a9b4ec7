"""Wall time and peak memory of ``edgekit convert`` against a plain script, for models of the size of published ones.

``python benchmarks/convert_large_models.py [MODEL …] [--json]``: MODEL is ``mobilenet_v2`` (14 MB) or ``vgg16``
(553 MB), with random weights of a fixed seed, made on the spot. Peak memory is the largest sum over the processes of a
command, as sampled every 20 ms. Linux only.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

MAKE_MODEL = """
import sys, keras
keras.utils.set_random_seed(0)
make = {"mobilenet_v2": keras.applications.MobileNetV2, "vgg16": keras.applications.VGG16}[sys.argv[1]]
make(weights=None).save(sys.argv[2])
"""
PLAIN = """
import sys, tensorflow as tf, keras
model = keras.models.load_model(sys.argv[1], compile=False)
open(sys.argv[2], "wb").write(tf.lite.TFLiteConverter.from_keras_model(model).convert())
"""
#: Runs of each program, and what the project promises at most: wall, memory over plain, memory over the file.
MODELS: dict[str, tuple[int, float, float | None, float | None]] = {
    "mobilenet_v2": (3, 0.9, 1.0, None),
    "vgg16": (1, 0.9, None, 5.0),
}
_SECONDS_BETWEEN_SAMPLES = 0.02


def measure(*command: str) -> tuple[float, int]:
    """Wall seconds of a command, and the peak memory of its processes in bytes."""
    start, peak = time.perf_counter(), 0
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None:
            peak = max(peak, tree_bytes(process.pid))
            time.sleep(_SECONDS_BETWEEN_SAMPLES)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return time.perf_counter() - start, peak


def tree_bytes(pid: int) -> int:
    """Resident memory of a process and of everything that it started."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except (OSError, IndexError):  # it has ended
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE") + sum(tree_bytes(int(child)) for child in children)


def rows(name: str, folder: Path) -> list[dict[str, Any]]:
    """The rows of a model, medians of alternated runs."""
    runs, most_wall, most_memory, most_of_file = MODELS[name]
    source, output = folder / f"{name}.h5", str(folder / f"{name}.tflite")
    if not source.exists():
        subprocess.run([sys.executable, "-c", MAKE_MODEL, name, str(source)], check=True, stdout=subprocess.DEVNULL)
    ours = (shutil.which("edgekit") or "edgekit", "convert", str(source), "--quantize", "none", "-o", output)
    pairs = [(measure(*ours), measure(sys.executable, "-c", PLAIN, str(source), output)) for _ in range(runs)]
    wall, memory = ([statistics.median(pair[side][part] for pair in pairs) for side in (0, 1)] for part in (0, 1))
    size = float(source.stat().st_size)
    return [
        _row(f"`edgekit convert` of {name}, wall / a plain script", *wall, most_wall),
        _row(f"`edgekit convert` of {name}, peak memory / a plain script", *memory, most_memory),
        _row(f"`edgekit convert` of {name}, peak memory / the file", memory[0], size, most_of_file),
    ]


def _row(what: str, ours: float, peer: float, target: float | None) -> dict[str, Any]:
    return {"what": what, "ours": ours, "peer": peer, "ratio": ours / peer, "target": target}


def main() -> None:
    names = [argument for argument in sys.argv[1:] if not argument.startswith("-")] or list(MODELS)
    with tempfile.TemporaryDirectory() as folder:
        table = [row for name in names for row in rows(name, Path(folder))]
    if "--json" in sys.argv[1:]:
        print(json.dumps(table, indent=1))
        return
    print("| what | ratio | at most |\n|---|---|---|")
    for row in table:
        print(f"| {row['what']} | {row['ratio']:.2f} | {'' if row['target'] is None else row['target']} |")


if __name__ == "__main__":
    main()
