"""The C library's interpreter; its answers are those of every interpreter, which the rest of the tests check."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from edgekit_runtime.errors import InterpreterError
from edgekit_runtime.interpreters import tflite_c
from edgekit_runtime.interpreters.choosing import choose_interpreter
from edgekit_runtime.interpreters.interface import Interpreter

pytestmark = pytest.mark.skipif(tflite_c.find() is None, reason="the TensorFlow Lite C library is not installed")


def create(folder: Path, name: str, num_threads: int = 1) -> Interpreter:
    content = (folder / f"{name}.tflite").read_bytes()
    return choose_interpreter("tflite-c").create(content, num_threads)


@pytest.fixture
def cnn_interpreter(tflite_folder: Path) -> Interpreter:
    return create(tflite_folder, "cnn_float32")


def input_and_output(interpreter: tflite_c.CInterpreter) -> tuple[int, int]:
    return next(iter(interpreter._positions)), interpreter._indices("Output")[0]


def test_the_version_is_the_library_s() -> None:
    assert choose_interpreter("tflite-c").version.startswith("2.")


def test_a_path_selects_the_same_library() -> None:
    named = choose_interpreter(f"c:{tflite_c.find()}")
    assert (named.name, named.version) == ("tflite-c", choose_interpreter("tflite-c").version)


@pytest.mark.parametrize("num_threads", [1, 4])
def test_runs_and_resizes(num_threads: int, tflite_folder: Path, cnn: dict[str, np.ndarray]) -> None:
    interpreter = create(tflite_folder, "cnn_float32", num_threads)
    source, result = input_and_output(interpreter)
    for count in (1, 3, 1):
        interpreter.resize_tensor_input(source, (count, 12, 12, 1))
        interpreter.allocate_tensors()
        interpreter.set_tensor(source, cnn["image"][:count])
        interpreter.invoke()
        assert interpreter.get_tensor(result) == pytest.approx(cnn["probabilities"][:count], abs=1e-6)


def test_an_output_is_a_copy(cnn_interpreter: Interpreter, cnn: dict[str, np.ndarray]) -> None:
    source, result = input_and_output(cnn_interpreter)
    cnn_interpreter.set_tensor(source, cnn["image"][:1])
    cnn_interpreter.invoke()
    first = cnn_interpreter.get_tensor(result)
    kept = first.copy()
    cnn_interpreter.set_tensor(source, cnn["image"][1:2])
    cnn_interpreter.invoke()
    assert np.array_equal(first, kept) and not np.array_equal(first, cnn_interpreter.get_tensor(result))


@pytest.mark.parametrize(
    "value",
    [np.zeros((1, 12, 12, 1), np.int8), np.zeros((2, 12, 12, 1), np.float32)],
    ids=["dtype", "shape"],
)
def test_a_value_of_another_kind_is_refused(value: np.ndarray, cnn_interpreter: Interpreter) -> None:
    source, _ = input_and_output(cnn_interpreter)
    with pytest.raises(ValueError, match=r"expected float32 \(1, 12, 12, 1\)"):
        cnn_interpreter.set_tensor(source, value)


def test_only_inputs_and_outputs_are_accessible(cnn_interpreter: Interpreter) -> None:
    with pytest.raises(ValueError, match="9999 is neither"):
        cnn_interpreter.get_tensor(9999)


def test_the_library_s_own_words_and_no_others_before_them() -> None:
    choice = choose_interpreter("tflite-c")
    for content in (b"short", b"x" * 5000):
        with pytest.raises(InterpreterError, match="refuses the model") as caught:
            choice.create(content, num_threads=1)
        assert caught.value.received == "The model is not a valid Flatbuffer buffer"


def test_a_message_longer_than_the_buffer_is_cut() -> None:
    errors = tflite_c._ErrorText()
    for _ in range(2):
        errors._libc.fprintf(tflite_c.c_void_p(errors.stream), b"%s", b"y" * 10_000)
        assert 4000 < len(errors.take()) < 4097
    errors._libc.fprintf(tflite_c.c_void_p(errors.stream), b"short %d", 7)
    assert errors.take() == "short 7"
    errors.close()


def test_a_shape_that_the_library_refuses_is_its_sentence(tflite_folder: Path) -> None:
    interpreter = create(tflite_folder, "cnn_float32_batch1")
    source, _ = input_and_output(interpreter)
    interpreter.resize_tensor_input(source, (1, 1, 1, 1))
    with pytest.raises(RuntimeError, match="failed to prepare"):
        interpreter.allocate_tensors()


def test_creating_and_freeing_leaves_nothing_behind(tflite_folder: Path, cnn: dict[str, np.ndarray]) -> None:
    interpreters = [create(tflite_folder, "cnn_float32") for _ in range(3)]
    # A cycle: Python calls the finalizers of its parts in any order.
    cycle: list[object] = [*interpreters]
    cycle.append(cycle)
    del interpreters, cycle
    gc.collect()
    assert not [o for o in gc.get_objects() if isinstance(o, tflite_c.CInterpreter)]


def test_several_threads_each_with_its_own(tflite_folder: Path, cnn: dict[str, np.ndarray]) -> None:
    wrong = []

    def work() -> None:
        interpreter = create(tflite_folder, "cnn_float32", num_threads=2)
        source, result = input_and_output(interpreter)
        for number in range(40):
            interpreter.set_tensor(source, cnn["image"][number : number + 1])
            interpreter.invoke()
            if np.abs(interpreter.get_tensor(result) - cnn["probabilities"][number]).max() > 1e-6:
                wrong.append(number)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_python_ends_while_a_thread_still_runs_it(tflite_folder: Path) -> None:
    program = """
import sys, threading, time
import numpy as np
import edgekit_runtime
model = edgekit_runtime.load(sys.argv[1], interpreter="tflite-c", num_threads=2)
batch = np.zeros((1, 12, 12, 1), np.float32)
def forever():
    while True:
        model.predict(batch)
threading.Thread(target=forever, daemon=True).start()
model.predict(batch)
sys.cycle = [model]
sys.cycle.append(sys.cycle)
"""
    command = [sys.executable, "-c", program, str(tflite_folder / "cnn_float32.tflite")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.replace("INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\n", "")) == (
        0,
        "",
    )
