"""Keras files of ``../shared/models_hard``, through the command, as its index says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import edgekit_runtime
from edgekit.cli import cli

HARD_MODELS = Path(__file__).resolve().parents[4] / "shared" / "models_hard"


def convert(name: str, *arguments: object) -> Result:
    source = HARD_MODELS / name
    if not source.is_file():
        pytest.skip("the folder of hard models is not on this machine")
    return CliRunner().invoke(cli, ["convert", str(source), *map(str, arguments)])


def test_nan_weights_are_named_and_only_float_variants_are_written(tmp_path: Path) -> None:
    result = convert("recommender_nan_weights.h5", "--all", "--random-calibration", "-o", tmp_path, "--json")
    assert result.exit_code == 0, result.output
    assert 'layer "dense": 128 of 1,152 are NaN' in result.stderr
    notes = json.loads(result.stdout)["notes"]
    assert any('layer "dense": 128 of 1,152 are NaN' in note for note in notes)
    assert any("float16, dynamic, int8 were left out" in note for note in notes)
    assert [path.name for path in tmp_path.iterdir()] == ["recommender_nan_weights-none.tflite"]


def test_nan_weights_are_the_reason_for_which_quantization_is_refused(tmp_path: Path) -> None:
    result = convert("recommender_nan_weights.h5", "--quantize", "dynamic", "-o", tmp_path / "model.tflite")
    assert result.exit_code == 1
    assert 'layer "dense": 128 of 1,152 are NaN' in result.stderr
    assert not list(tmp_path.iterdir())


def test_an_open_length_that_is_too_short_gets_one_to_try(tmp_path: Path) -> None:
    result = convert("resnet_1d_open_length.h5", "-o", tmp_path / "model.tflite")
    assert result.exit_code == 1
    assert "--input-shape 16384,4" in result.stderr
    result = convert("resnet_1d_open_length.h5", "--input-shape", "10400,4", "-o", tmp_path / "model.tflite")
    assert result.exit_code == 0, result.output
    assert 0 not in edgekit_runtime.load(tmp_path / "model.tflite").outputs[0].shape
