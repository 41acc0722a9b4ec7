"""Many small models in one ``edgekit convert`` against a shell loop: time per model, and memory.

``python benchmarks/many_models.py [--models N] [--sample N]``: the loop is timed on a sample of models, and its
time per model is compared. The memory of the command's process tree is sampled, with pages that processes share counted
in each; its peak in the second half of the run is compared with that in the first.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from ratios import Ratio, command, report

from edgekit.jobs.memory import tree_bytes

MAKE_MODELS = """
import sys, keras
for seed in range(int(sys.argv[2])):
    keras.utils.set_random_seed(seed)
    layers = [keras.layers.Input((8, 8, 3)), keras.layers.Conv2D(4 + seed % 5, 3, activation="relu")]
    layers += [keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(3, activation="softmax")]
    keras.Sequential(layers).save(f"{sys.argv[1]}/{seed:04}.h5")
    keras.backend.clear_session()
"""
#: One command takes at most this share of the loop's time: 1.7 times the models per minute.
MOST = 1 / 1.7

parser = argparse.ArgumentParser()
parser.add_argument("--models", type=int, default=500)
parser.add_argument("--sample", type=int, default=10)
parser.add_argument("--json", action="store_true")
arguments = parser.parse_args()
edgekit = shutil.which("edgekit") or "edgekit"
with tempfile.TemporaryDirectory() as name:
    folder = Path(name)
    models, out, loop = (folder / part for part in ("models", "out", "loop"))
    for made in (models, loop):
        made.mkdir()
    command(sys.executable, "-c", MAKE_MODELS, str(models), str(arguments.models))()
    started = time.monotonic()
    sample = sorted(models.iterdir())[: arguments.sample]
    for model in sample:
        command(edgekit, "convert", str(model), "--output", str(loop))()
    loop_s = (time.monotonic() - started) / len(sample)
    started = time.monotonic()
    run = subprocess.Popen([edgekit, "convert", str(models), "--output", str(out)], stderr=subprocess.DEVNULL)
    samples = []
    while run.poll() is None:
        samples.append((len(list(out.glob("*.tflite"))), tree_bytes(run.pid)))
        time.sleep(0.5)
    if run.returncode:
        sys.exit("a conversion failed")
    ours_s = (time.monotonic() - started) / arguments.models
    first, second = (
        max(size for done, size in samples if (2 * done >= arguments.models) is is_second)
        for is_second in (False, True)
    )
    same = all(
        (out / model.with_suffix(".tflite").name).read_bytes()
        == (loop / model.with_suffix(".tflite").name).read_bytes()
        for model in sample
    )
    if not same:
        sys.exit("the files differ from those of the loop")
    report(
        [
            Ratio(f"{arguments.models} small models, one command / a shell loop, per model", ours_s, loop_s, MOST),
            Ratio(f"memory of that command, second half / first half, {second / 1e9:.2f} GB", second, first, 1.1),
        ]
    )
