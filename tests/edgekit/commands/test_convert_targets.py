"""``edgekit convert --target``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from edgekit.cli import cli
from edgekit_runtime.packed_file.manifest import read_manifest
from edgekit_runtime.tflite.structure import read_model_description


@pytest.fixture(scope="module")
def keras_file(trained_folder: Path) -> Path:
    return trained_folder / "model.h5"


def convert(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["convert", *map(str, arguments)])


def test_a_dynamic_range_model_for_tflite_runtime(keras_file: Path, tmp_path: Path) -> None:
    output = tmp_path / "model.tflite"
    targets = ("--target", "tflite-runtime-2.14", "--target", "litert")
    result = convert(keras_file, "--quantize", "dynamic", "-o", output, *targets, "--json")
    assert result.exit_code == 0, result.output
    (model,) = json.loads(result.stdout)["models"]
    assert {"litert", "tflite-runtime-2.14"} <= set(model["targets"])
    provenance = dict(read_manifest(output.read_bytes()).provenance)
    assert provenance["targets"] == model["targets"]
    assert provenance["per_tensor_operators"] == ["FULLY_CONNECTED"]
    check = CliRunner().invoke(cli, ["inspect", str(output), "--target", "tflite-runtime-2.14"])
    assert check.exit_code == 0, check.output


def test_without_a_target_a_note_says_where_it_will_not_run(keras_file: Path, tmp_path: Path) -> None:
    output = tmp_path / "model.tflite"
    result = convert(keras_file, "--quantize", "dynamic", "-o", output)
    assert result.exit_code == 0, result.output
    assert "dynamic will not run on tflite-runtime-2.14 (FULLY_CONNECTED: needs version 12" in result.output
    assert dict(read_manifest(output.read_bytes()).provenance)["targets"] == ["litert", "litert-1.4", "tflite-c-2.17"]


def test_all_variants_for_a_microcontroller_leave_out_what_it_cannot_run(keras_file: Path, tmp_path: Path) -> None:
    result = convert(keras_file, "--all", "--data", "digits", "-o", tmp_path, "--target", "tflite-micro")
    assert result.exit_code == 0, result.output
    assert {file.name for file in tmp_path.iterdir()} >= {"model-none.tflite", "model-int8.tflite"}
    assert not {"model-dynamic.tflite", "model-float16.tflite"} & {file.name for file in tmp_path.iterdir()}
    assert "dynamic was left out" in result.output and "float16 was left out" in result.output
    description = read_model_description((tmp_path / "model-int8.tflite").read_bytes())
    # A microcontroller cannot change shapes: the batch is fixed.
    assert description.inputs[0].shape_signature == (1, 28, 28, 1)


def test_a_mode_that_the_target_has_not_is_a_usage_error(keras_file: Path, tmp_path: Path) -> None:
    output = tmp_path / "model.tflite"
    result = convert(keras_file, "--quantize", "dynamic", "-o", output, "--target", "tflite-micro")
    assert result.exit_code == 2
    assert "--quantize dynamic does not go with --target tflite-micro" in result.output
    assert not output.exists()


def test_an_unknown_target_is_a_usage_error(keras_file: Path) -> None:
    result = convert(keras_file, "--target", "edgetpu")
    assert result.exit_code == 2
    assert "There is no target 'edgetpu'." in result.output
