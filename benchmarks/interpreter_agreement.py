"""How far the outputs of the three interpreters are from each other, on the reference CNN and two more models.

``python benchmarks/interpreter_agreement.py``: each interpreter in a fresh environment of Python 3.11, on the same
random inputs. Prints the largest difference from LiteRT's outputs, in the output's own units (for int8: codes), and
how many of the largest outputs differ. Needs Python 3.11 and a package index.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from interpreter_versions import TOP, find_python

#: What pip installs for each interpreter; the first one is the reference.
INSTALLED = {
    "litert": ("ai-edge-litert", "numpy"),
    "tflite-runtime": ("tflite-runtime", "numpy<2"),
    "tflite-c": ("pymicro-wakeword", "numpy"),
}
MODELS = (
    "edgekit/regression/reference_float32.tflite",
    "edgekit/regression/reference_int8.tflite",
    "tests/data/tflite/lstm_batch1.tflite",
    "tests/data/sound/tones.tflite",
)
#: Runs in an interpreter's environment: writes the first output of each model, one row per input.
PROGRAM = """
import sys
import numpy as np
from edgekit_runtime.interpreters.choosing import choose_interpreter
from edgekit_runtime.tflite.structure import read_model_description

interpreter, destination, *paths = sys.argv[1:]
choice = choose_interpreter(interpreter)
outputs = {"version": np.array(choice.version)}
for path in paths:
    model = open(path, "rb").read()
    description = read_model_description(model)
    created = choice.create(model, num_threads=1)
    generator, rows = np.random.default_rng(0), []
    for _ in range(200):
        for each in description.inputs:
            values = generator.random(each.shape)
            scaled = values * 255 - 128 if each.dtype == "int8" else values
            created.set_tensor(each.index, scaled.astype(each.dtype))
        created.reset_all_variables()
        created.invoke()
        rows.append(created.get_tensor(description.outputs[0].index).ravel())
    outputs[path] = np.array(rows)
np.savez(destination, **outputs)
"""


def outputs_of(interpreter: str, python: Path, folder: Path) -> dict[str, np.ndarray]:
    """Version and outputs of an interpreter, which is installed into a fresh environment."""
    environment = folder / interpreter
    own, destination = str(environment / "bin" / "python"), str(folder / f"{interpreter}.npz")
    subprocess.run([python, "-m", "venv", environment], check=True)
    install = [own, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--only-binary", ":all:"]
    subprocess.run([*install, *INSTALLED[interpreter]], check=True)
    variables = {**os.environ, "PYTHONPATH": str(TOP / "runtime")}
    paths = [str(TOP / model) for model in MODELS]
    subprocess.run([own, "-c", PROGRAM, interpreter, destination, *paths], check=True, env=variables)
    with np.load(destination) as stored:
        return {name.removeprefix(f"{TOP}/"): stored[name] for name in stored.files}


def main() -> int:
    python = find_python("3.11")
    if python is None:
        print("Python 3.11 was not found.", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        measured = {name: outputs_of(name, python, Path(folder)) for name in INSTALLED}
    reference, *others = measured
    print("| model | output | interpreter | largest difference from LiteRT | largest output differs |")
    print("|---|---|---|---|---|")
    for model in MODELS:
        expected = measured[reference][model]
        for name in others:
            received = measured[name][model]
            difference = np.abs(expected.astype(np.float64) - received.astype(np.float64)).max()
            changed = int((expected.argmax(axis=1) != received.argmax(axis=1)).sum())
            title = f"{name} {measured[name]['version']}"
            print(
                f"| {Path(model).stem} | {expected.dtype} | {title} | {difference:.3g} | {changed} of {len(expected)} |"
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
