"""The TensorFlow Lite C library through ctypes against LiteRT's ``Interpreter``: the reference CNN, one thread.

``python benchmarks/c_library_invoke.py [--json]``: set, invoke and get in one process, in turn. Needs ai-edge-litert
and the C library (``pip install 'edgekit-runtime[c]'``, or its path in ``EDGEKIT_TFLITE_C``).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from ratios import Ratio, report, time_in_turn

from edgekit_runtime.interpreters.choosing import choose_interpreter
from edgekit_runtime.tflite.structure import read_model_description

MODELS = Path(__file__).resolve().parent.parent / "edgekit" / "regression"
INVOKES = 300
ROUNDS = 101
TARGET = 1.15


def invoked(interpreter: str, model: bytes) -> Callable[[], None]:
    """A function that sets, invokes and gets one image ``INVOKES`` times on a bare interpreter."""
    description = read_model_description(model)
    created = choose_interpreter(interpreter).create(model, num_threads=1)
    source, result = description.inputs[0], description.outputs[0]
    image = np.zeros(source.shape, source.dtype)

    def run() -> None:
        for _ in range(INVOKES):
            created.set_tensor(source.index, image)
            created.invoke()
            created.get_tensor(result.index)

    return run


def compare(name: str) -> Ratio:
    """Time both interpreters on one of the reference models."""
    model = (MODELS / f"reference_{name}.tflite").read_bytes()
    what = f"{INVOKES} × set, invoke, get: {name} reference CNN, tflite-c / litert"
    return time_in_turn(what, invoked("tflite-c", model), invoked("litert", model), target=TARGET, runs=ROUNDS)


if __name__ == "__main__":
    report([compare(name) for name in ("float32", "int8")])
