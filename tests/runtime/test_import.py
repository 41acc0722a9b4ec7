"""Importing the runtime loads only numpy and the standard library."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize("module", ["edgekit_runtime", "edgekit_runtime.__main__", "edgekit_runtime.device_benchmark"])
def test_no_heavy_module_is_imported(module: str) -> None:
    program = f"""
import sys, {module}
heavy = ("PIL", "tensorflow", "ai_edge_litert", "tflite_runtime", "click", "zipfile", "pathlib", "asyncio")
print([name for name in heavy if name in sys.modules and name not in before])
"""
    # Some versions of numpy import pathlib themselves.
    program = "import sys, numpy\nbefore = set(sys.modules)\n" + program
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    allowed = "['pathlib']" if module.endswith("__main__") else "[]"
    assert done.stdout.strip() in ("[]", allowed)


def test_an_answer_needs_numpy_the_interpreter_and_the_standard_library(tflite_folder: Path) -> None:
    program = """
import sys
import numpy
before = set(sys.modules)
import edgekit_runtime
model = edgekit_runtime.load(sys.argv[1])
pixels = numpy.zeros((12, 12), numpy.uint8)
model.classify(pixels)
model.predict(numpy.zeros((100, 12, 12, 1), numpy.float32))
list(model.stream([pixels] * 3, top_k=1))
tops = {name.partition(".")[0] for name in set(sys.modules) - before}
standard = getattr(sys, "stdlib_module_names", None) or {
    name for name in tops if "site-packages" not in str(getattr(sys.modules[name], "__file__", ""))
}
print(sorted(tops - set(standard) - {"numpy", "edgekit_runtime", "ai_edge_litert", "tflite_runtime"}))
"""
    path = str(tflite_folder / "cnn_float32.tflite")
    done = subprocess.run([sys.executable, "-c", program, path], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
