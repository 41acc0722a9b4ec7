from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edgekit_runtime.errors import UsageError
from edgekit_runtime.execution import batch_plan, batch_runner
from edgekit_runtime.execution.batch_runner import BatchRunner
from edgekit_runtime.interpreters.choosing import choose_interpreter
from edgekit_runtime.tflite.tflite_model import TfliteModel

Arrays = dict[str, np.ndarray]


def runner_of(folder: Path, name: str, *, num_interpreters: int | None = 2, stateful: bool = False) -> BatchRunner:
    content = (folder / f"{name}.tflite").read_bytes()
    return BatchRunner(
        TfliteModel(content),
        choose_interpreter(),
        num_threads=1,
        num_interpreters=num_interpreters,
        stateful=stateful,
    )


@pytest.mark.parametrize(
    ("name", "batch_size"), [("cnn_float32", -1), ("cnn_float32_batch1", 1), ("cnn_float32_batch4", 4)]
)
def test_a_batch_of_any_size_gives_a_row_for_each_sample(
    name: str, batch_size: int, tflite_folder: Path, cnn: Arrays
) -> None:
    runner = runner_of(tflite_folder, name)
    assert runner.batch_size == batch_size
    # 3 examples do not fill a chunk of 4; 100 examples are spread over both interpreters.
    for count in (0, 1, 3, 40, 100):
        images = np.resize(cnn["image"], (count, 12, 12, 1))
        (output,) = runner.run([images], runner.encoders)
        assert output.dtype == np.float32
        assert output.shape == (count, 10)
        expected = np.resize(cnn["probabilities"], (count, 10))
        assert np.abs(output - expected).max(initial=0) < 1e-5


def test_a_run_on_a_given_session_gives_the_same_rows(tflite_folder: Path, cnn: Arrays) -> None:
    runner = runner_of(tflite_folder, "cnn_float32")
    (spread,) = runner.run([cnn["image"]], runner.encoders)
    (alone,) = runner.run([cnn["image"]], runner.encoders, runner.session)
    assert alone == pytest.approx(spread, abs=1e-6)


@pytest.mark.parametrize("name", ["cnn_float32", "cnn_float32_batch1"])
def test_interpreters_are_created_once_and_the_first_session_is_one_of_them(name: str, tflite_folder: Path) -> None:
    runner = runner_of(tflite_folder, name, num_interpreters=3)
    assert len(runner.sessions()) == 3
    assert runner.sessions()[0] is runner.session
    assert runner.sessions() is runner.sessions()


def test_a_chunk_is_measured_once(tflite_folder: Path, cnn: Arrays, monkeypatch: pytest.MonkeyPatch) -> None:
    measured: list[int] = []

    def choose(seconds_of: Callable[[int], float], most: int) -> int:
        assert seconds_of(2) > 0
        measured.append(most)
        return 5

    monkeypatch.setattr(batch_runner, "choose_chunk", choose)
    runner = runner_of(tflite_folder, "cnn_float32")
    images = np.resize(cnn["image"], (101, 12, 12, 1))
    runner.run([images[:3]], runner.encoders)
    assert runner.chunk is None
    for _ in range(2):
        (output,) = runner.run([images], runner.encoders)
        assert np.abs(output - np.resize(cnn["probabilities"], (101, 10))).max() < 1e-5
    assert (measured, runner.chunk) == ([12], 5)
    assert runner_of(tflite_folder, "cnn_float32_batch4").chunk == 4


def test_a_model_whose_weights_do_not_fit_twice_runs_on_one_interpreter(
    tflite_folder: Path, cnn: Arrays, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_plan, "free_memory_bytes", lambda: 1000)
    monkeypatch.setattr(batch_plan, "available_cores", lambda: 3)
    runner = runner_of(tflite_folder, "cnn_float32", num_interpreters=None)
    assert runner.plan[:2] == (1, 3)
    before = runner.session._interpreter
    for count in (1, 100, 1):
        (output,) = runner.run([np.resize(cnn["image"], (count, 12, 12, 1))], runner.encoders)
        assert np.abs(output - np.resize(cnn["probabilities"], (count, 10))).max() < 1e-5
    assert runner.session._interpreter is not before
    assert runner.sessions() == [runner.session]


def test_state_that_goes_over_ties_a_model_to_one_interpreter(tflite_folder: Path) -> None:
    runner = runner_of(tflite_folder, "fused_lstm_batch1", num_interpreters=3, stateful=True)
    assert runner.sessions() == [runner.session]
    assert runner.single_shape is None


def test_a_closed_runner_makes_no_new_interpreters(tflite_folder: Path, cnn: Arrays) -> None:
    runner = runner_of(tflite_folder, "cnn_float32")
    runner.close()
    assert runner.sessions() == [runner.session]
    with pytest.raises(UsageError, match="The model is closed"):
        runner.run([cnn["image"]], runner.encoders)
