from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgekit_runtime
from edgekit_runtime.errors import TensorMismatchError, UsageError
from edgekit_runtime.execution.session import Session
from edgekit_runtime.inputs.streaming import predict_in_order

Arrays = dict[str, np.ndarray]


@pytest.mark.parametrize("num_interpreters", [1, 2, 5])
@pytest.mark.parametrize("name", ["cnn_float32", "cnn_int8_io_int8", "cnn_float32_batch4", "two_in_two_out"])
def test_the_answers_of_predict_in_order(name: str, num_interpreters: int, tflite_folder: Path) -> None:
    model = edgekit_runtime.load(tflite_folder / f"{name}.tflite", num_interpreters=num_interpreters)
    dice = np.random.default_rng(3)
    shapes = {info.name: (1, *info.shape[1:]) for info in model.inputs}
    samples: list[Any] = [{n: dice.random(s, np.float32) for n, s in shapes.items()} for _ in range(150)]
    if len(shapes) == 1:
        samples = [next(iter(sample.values())) for sample in samples]
    answers = list(model.stream(samples))
    assert len(answers) == len(samples)
    for sample, answer in zip(samples, answers):
        expected = model.predict(sample)
        if isinstance(expected, dict):
            assert isinstance(answer, dict)
            assert all(np.array_equal(answer[name], values) for name, values in expected.items())
        else:
            assert np.array_equal(answer, expected)


def test_images_are_classified(tflite_folder: Path, cnn: Arrays) -> None:
    model = edgekit_runtime.load(tflite_folder / "cnn_int8_io_uint8.tflite")
    pixels = cnn["pixels"]
    assert list(model.stream(iter(pixels), top_k=2)) == model.classify(pixels, top_k=2)
    with pytest.raises(TensorMismatchError, match="one example at a time"):
        list(model.stream([pixels], top_k=1))
    with pytest.raises(UsageError):
        model.stream([], top_k=0)
    with pytest.raises(TensorMismatchError, match=r"use predict\(\)"):
        edgekit_runtime.load(tflite_folder / "dense_float32.tflite").stream([], top_k=1)


def test_state_goes_from_sample_to_sample(tflite_folder: Path) -> None:
    with np.load(tflite_folder / "fused_lstm_batch1.npz") as arrays:
        samples = list(arrays["x"][:, np.newaxis])
    model = edgekit_runtime.load(tflite_folder / "fused_lstm_batch1.tflite", stateful=True)
    one_by_one = [model.predict(sample) for sample in samples]
    model.reset()
    assert all(map(np.array_equal, model.stream(samples), one_by_one))


def test_nothing_in_nothing_out(tflite_folder: Path) -> None:
    assert list(edgekit_runtime.load(tflite_folder / "cnn_float32.tflite").stream([])) == []


def test_a_bad_sample_raises_in_its_place(tflite_folder: Path, cnn: Arrays) -> None:
    model = edgekit_runtime.load(tflite_folder / "cnn_float32.tflite")
    answers = model.stream([*cnn["pixels"][:7], np.zeros((1, 1, 1, 1, 1), np.uint8), cnn["pixels"][0]], top_k=1)
    assert [next(answers) for _ in range(7)] == model.classify(cnn["pixels"][:7])
    with pytest.raises(TensorMismatchError, match="shape"):
        next(answers)
    assert list(answers) == []


def threads_of(pool: str = "ThreadPool") -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith(pool)]


@pytest.mark.parametrize("end", ["close", "interrupt", "source"])
def test_ends_cleanly(end: str, tflite_folder: Path, cnn: Arrays) -> None:
    model = edgekit_runtime.load(tflite_folder / "cnn_float32.tflite")

    def source() -> Iterator[np.ndarray]:
        for number in range(10_000):
            if number == 500 and end != "close":
                raise KeyboardInterrupt if end == "interrupt" else RuntimeError("the camera is gone")
            yield cnn["image"][number % 40]

    answers = model.stream(source())
    if end == "close":
        next(answers)
        answers.close()  # type: ignore[attr-defined]
    else:
        with pytest.raises(KeyboardInterrupt if end == "interrupt" else RuntimeError):
            list(answers)
    assert threads_of() == []


def test_reads_ahead_no_further_than_it_has_to(tflite_folder: Path, cnn: Arrays) -> None:
    read = []
    model = edgekit_runtime.load(tflite_folder / "cnn_float32.tflite", num_interpreters=2)
    answers = model.stream(read.append(0) or cnn["image"][0] for _ in range(100_000))
    for number in range(1, 2001):
        next(answers)
        # At most six groups of 32 examples.
        assert len(read) <= number + 6 * 32


def test_a_slow_source_gets_its_answers_as_it_goes(tflite_folder: Path, cnn: Arrays) -> None:
    read: list[int] = []

    def camera() -> Iterator[np.ndarray]:
        for number in range(8):
            time.sleep(0.05)
            read.append(number)
            yield cnn["image"][number]

    for number, _ in enumerate(edgekit_runtime.load(tflite_folder / "cnn_float32.tflite").stream(camera())):
        assert len(read) <= number + 3


def test_all_sessions_work_at_once() -> None:
    both = threading.Barrier(2, timeout=10)
    # Each waits for the other; with only one thread, the barrier would break.
    sessions: list[Any] = ["one", "other"]

    def answer(session: Session, sample: int) -> int:
        if sample % 32 == 0:
            both.wait()
        return sample

    assert list(predict_in_order(range(128), answer, sessions)) == list(range(128))
