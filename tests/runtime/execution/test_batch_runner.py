from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgekit_runtime.errors import UsageError
from edgekit_runtime.execution.batch_runner import BatchRunner
from edgekit_runtime.execution.interpreter import choose_interpreter
from edgekit_runtime.tflite.tflite_model import TfliteModel

Arrays = dict[str, np.ndarray]


def runner_of(folder: Path, name: str, *, num_interpreters: int = 2, stateful: bool = False) -> BatchRunner:
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


def test_interpreters_are_made_once_and_the_first_stays_at_its_stored_batch_size(tflite_folder: Path) -> None:
    free = runner_of(tflite_folder, "cnn_float32", num_interpreters=3)
    assert len(free.sessions()) == 3
    assert free.session not in free.sessions()
    assert free.sessions() is free.sessions()
    fixed = runner_of(tflite_folder, "cnn_float32_batch1", num_interpreters=3)
    assert len(fixed.sessions()) == 3
    assert fixed.sessions()[0] is fixed.session


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
