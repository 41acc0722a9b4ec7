from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgekit_runtime.errors import InterpreterError
from edgekit_runtime.execution.session import Session
from edgekit_runtime.interpreters.choosing import choose_interpreter
from edgekit_runtime.tflite.structure import read_model_description


def session(folder: Path, name: str) -> Session:
    content = (folder / f"{name}.tflite").read_bytes()
    description = read_model_description(content)
    return Session(
        lambda: choose_interpreter().create(content, num_threads=1),
        [tensor.index for tensor in description.inputs],
        [tensor.index for tensor in description.outputs],
        [tensor.shape for tensor in description.inputs],
        resets_variables=False,
    )


def test_resizes_for_another_shape_and_back(tflite_folder: Path, cnn: dict[str, np.ndarray]) -> None:
    small = session(tflite_folder, "cnn_float32")
    for count in (3, 1, 5, 5):
        (output,) = small.run([cnn["image"][:count]])
        assert output == pytest.approx(cnn["probabilities"][:count], abs=1e-6)


def test_works_again_after_a_shape_that_the_interpreter_refused(
    tflite_folder: Path, cnn: dict[str, np.ndarray]
) -> None:
    small = session(tflite_folder, "cnn_float32_batch1")
    with pytest.raises(InterpreterError, match="cannot run the model on this input"):
        small.run([np.zeros((1, 1, 1, 1), np.float32)])
    (output,) = small.run([cnn["image"][:1]])
    assert output == pytest.approx(cnn["probabilities"][:1], abs=1e-6)


def test_a_wrong_dtype_is_no_traceback(tflite_folder: Path) -> None:
    with pytest.raises(InterpreterError):
        session(tflite_folder, "cnn_float32").run_one(np.zeros((1, 12, 12, 1), np.int8))
