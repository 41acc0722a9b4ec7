"""A model's answers on two devices beside each other: this Python, and ones that answer wrongly or not at all."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import edgekit_runtime
from edgekit.cli import cli
from edgekit.devices.comparison import DeviceComparison, Tolerance, compare_on
from edgekit.devices.device import PythonDevice, this_machine
from edgekit.devices.inputs import Inputs, random_inputs
from edgekit.devices.predictions import predictions_of
from edgekit_runtime.errors import BelowThresholdError, EdgekitError
from edgekit_runtime.task import UNNAMED

TFLITE = Path(__file__).resolve().parents[2] / "data" / "tflite"


@dataclass(frozen=True)
class SeesNothing:
    """A device that answers black pictures, whatever it is shown."""

    name: str = "a blind device"

    def run(self, arguments: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
        with np.load(folder / "inputs.npz") as arrays:
            black = [np.zeros_like(arrays[name]) for name in arrays.files]
        np.savez(folder / "inputs.npz", *black)
        return this_machine().run(arguments, folder)


@pytest.fixture(scope="module")
def pictures() -> Inputs:
    with np.load(TFLITE / "cnn.npz") as arrays:
        return Inputs((arrays["image"],), {UNNAMED: arrays["probabilities"].argmax(1)})


@pytest.fixture(scope="module")
def same(pictures: Inputs) -> DeviceComparison:
    here = this_machine()
    return compare_on(here, here, TFLITE / "cnn_int8_io_float32.tflite", pictures, Tolerance())


def test_equal_answers_pass(same: DeviceComparison, pictures: Inputs) -> None:
    (output,) = same.outputs
    assert (output.equal, output.max_error, output.max_steps, output.top1_agreement) == (1.0, 0.0, 0, 1.0)
    assert same.samples == len(pictures) == 40
    assert same.device_top1 == same.reference_top1
    same.require_passed()
    assert same.to_dict()["passed"] is True


def test_wrong_answers_miss_the_tolerance(pictures: Inputs) -> None:
    model = TFLITE / "cnn_int8_io_float32.tflite"
    comparison = compare_on(SeesNothing(), this_machine(), model, pictures, Tolerance())
    (output,) = comparison.outputs
    predicted = np.asarray(edgekit_runtime.load(model).predict(pictures.arrays[0]))
    black = np.asarray(edgekit_runtime.load(model).predict(np.zeros_like(pictures.arrays[0])))
    assert output.max_error == pytest.approx(np.abs(predicted - black).max())
    # A softmax of int8 has steps of 1/256.
    assert output.max_steps == round(np.abs(predicted - black).max() * 256)
    assert output.top1_agreement == np.mean(predicted.argmax(1) == black.argmax(1)) < 0.5
    with pytest.raises(BelowThresholdError, match=r"predicts differently on a blind device than on this machine"):
        comparison.require_passed()


def test_outputs_that_are_no_classes_are_judged_by_their_range() -> None:
    model = TFLITE / "lstm_batch1.tflite"
    inputs = random_inputs(edgekit_runtime.load(model), 5, seed=0)
    assert compare_on(this_machine(), this_machine(), model, inputs, Tolerance()).failures == ()
    loaded = edgekit_runtime.load(TFLITE / "two_in_two_out.tflite")
    several = random_inputs(loaded, 7, seed=0)
    blind = compare_on(SeesNothing(), this_machine(), TFLITE / "two_in_two_out.tflite", several, Tolerance())
    assert [output.name for output in blind.outputs] == [info.name for info in loaded.outputs]
    assert blind.failures
    assert blind.device_top1 is None


@pytest.mark.parametrize(
    ("python", "message"),
    [
        pytest.param("echo nonsense", "could not run dense_float32.tflite", id="no answer"),
        pytest.param("echo 'No module named numpy' >&2; exit 1", "No module named numpy", id="no numpy"),
        pytest.param("kill -SEGV $$", "crashes the interpreter on other", id="a crash"),
        pytest.param("exit 139", "signal 11", id="a crash under a shell"),
    ],
)
def test_a_device_that_fails_is_a_sentence(python: str, message: str, tmp_path: Path) -> None:
    script = tmp_path / "python"
    script.write_text(f"#!/bin/bash\n{python}\n")
    script.chmod(0o755)
    with pytest.raises(EdgekitError, match=message):
        predictions_of(PythonDevice("other", script), TFLITE / "dense_float32.tflite", [np.zeros((1, 4), np.float32)])


def test_an_error_of_the_runtime_there_is_told_in_its_words() -> None:
    with pytest.raises(EdgekitError, match=r"this machine: .*") as error:
        predictions_of(this_machine(), TFLITE / "custom_operator.tflite", [np.zeros((1, 4), np.float32)])
    assert "custom operator" in error.value.problem
    assert error.value.next_step


def test_a_python_that_cannot_start_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "python").write_text("no program")
    with pytest.raises(EdgekitError, match="could not be started"):
        predictions_of(PythonDevice("other", tmp_path / "python"), TFLITE / "dense_float32.tflite", [])


def test_of_several_outputs_each_row_names_its_own() -> None:
    model = TFLITE / "two_in_two_out.tflite"
    result = CliRunner().invoke(cli, ["devices", "check", sys.executable, str(model), "--random", "--samples", "3"])
    assert result.exit_code == 0, result.output
    for output in edgekit_runtime.load(model).outputs:
        assert f"two_in_two_out.tflite, output {output.name}" in result.stdout


def test_labels_without_a_name_are_not_those_of_several_outputs() -> None:
    model = TFLITE / "two_in_two_out.tflite"
    unlabelled = random_inputs(edgekit_runtime.load(model), 3, seed=0)
    labelled = Inputs(unlabelled.arrays, {UNNAMED: np.zeros(3, np.int64)})
    comparison = compare_on(this_machine(), this_machine(), model, labelled, Tolerance())
    assert [output.reference_top1 for output in comparison.outputs] == [None, None]
    assert comparison.reference_top1 is None
