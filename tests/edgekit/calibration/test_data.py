"""Calibration data of published models, of several inputs, and of the user's own functions."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from click.testing import CliRunner

from edgekit.calibration.data import CalibrationReport, open_calibration_data
from edgekit.cli import cli
from edgekit.datasets.model_inputs import with_pixels
from edgekit.datasets.opening import DataRequest
from edgekit_converters.lowering import LoweredModel, LoweringRequest, lower
from edgekit_runtime.task import UNNAMED
from edgekit_runtime.task_finding import find_task


@cache
def lowered(path: Path) -> LoweredModel:
    return lower(LoweringRequest(path))


def looked_at(model: Path, data: Path, pixel_range: tuple[float, float] | None = None) -> CalibrationReport:
    model_lowered = lowered(model)
    task = find_task(model_lowered.model.description)
    given = {UNNAMED: pixel_range} if pixel_range else {}
    opened = open_calibration_data(
        DataRequest(str(data)),
        model_lowered.model,
        with_pixels(model_lowered.inputs, task, given),
        samples=200,
        is_range_known=pixel_range is not None,
    )
    return opened.report


def test_a_published_model_on_its_data_gives_no_alarm(shared_models: Path, mnist_folder: Path) -> None:
    (path,) = shared_models.glob("036_*")
    report = looked_at(path, mnist_folder)
    assert report.warnings == ()
    assert report.float_top1 is not None
    assert report.float_top1 > 0.95


def test_a_published_model_that_takes_raw_pixels_is_found_out(shared_models: Path, mnist_folder: Path) -> None:
    (path,) = shared_models.glob("005_*")
    (warning,) = looked_at(path, mnist_folder).warnings
    assert "multiplied by 255" in warning
    assert warning.endswith("If they are pixels, --pixel-range 0,255 fixes it.")
    assert looked_at(path, mnist_folder, (0.0, 255.0)).warnings == ()


@pytest.fixture
def two_inputs(tmp_path: Path) -> Path:
    import keras

    keras.utils.set_random_seed(0)
    left, right = keras.layers.Input((4,), name="left"), keras.layers.Input((3,), name="right")
    joined = keras.layers.Concatenate()([keras.layers.Dense(4)(left), right])
    keras.Model([left, right], keras.layers.Dense(2)(joined)).save(tmp_path / "two.keras")
    return tmp_path / "two.keras"


def test_a_model_of_two_inputs_is_calibrated(two_inputs: Path, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    np.savez(tmp_path / "data.npz", left=random.normal(size=(100, 4)) * 10, right=random.normal(size=(100, 3)))
    arguments = ["convert", str(two_inputs), "--quantize", "int8", "--io", "int8", "--json", "--data"]
    result = CliRunner().invoke(cli, [*arguments, str(tmp_path / "data.npz")])
    assert result.exit_code == 0, result.output
    converted = json.loads(result.stdout)
    report = converted["calibration"]
    # Twenty held-back examples would prove little: all are calibrated on, and judged by cross-fitting.
    assert report["samples"] == 100
    (score,) = converted["models"][0]["scores"]
    assert (score["examples"], score["is_cross_fitted"]) == (100, True)
    assert any("judged by cross-fitting" in note and "100 examples of the whole" in note for note in converted["notes"])
    assert set(report["value_range"]) == {"left", "right"}
    scales = [entry["quantization"][0] for entry in Interpreter(str(tmp_path / "two-int8.tflite")).get_input_details()]
    assert max(scales) == pytest.approx(10 * min(scales), rel=0.5)
    np.savez(tmp_path / "one.npz", left=np.ones((100, 4)))
    refused = CliRunner().invoke(cli, [*arguments, str(tmp_path / "one.npz")])
    assert refused.exit_code == 1
    assert json.loads(refused.stdout)["expected"] == "one array per input: left, right"


def test_a_function_calibrates_without_being_held_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import keras

    keras.Sequential([keras.layers.Input((16,)), keras.layers.Dense(3)]).save(tmp_path / "small.keras")
    (tmp_path / "endless_data.py").write_text(
        "import numpy as np\n\ndef rows():\n    random = np.random.default_rng(0)\n"
        "    while True:\n        yield random.normal(size=16)\n"
    )
    monkeypatch.chdir(tmp_path)
    digests = []
    for name in ("a.tflite", "b.tflite"):
        arguments = [
            "--quantize",
            "int8",
            "--data",
            "python:endless_data:rows",
            "--samples",
            "300",
            "-o",
            name,
            "--json",
        ]
        result = CliRunner().invoke(cli, ["convert", "small.keras", *arguments])
        assert result.exit_code == 0, result.output
        report = json.loads(result.stdout)
        assert report["calibration"]["samples"] == 300
        digests.append(report["models"][0]["sha256"])
    assert digests[0] == digests[1]
