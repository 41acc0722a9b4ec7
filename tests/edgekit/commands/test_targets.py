"""``edgekit targets`` and ``edgekit inspect --target``."""

from __future__ import annotations

import json
import re
from pathlib import Path

from click.testing import CliRunner

from edgekit.cli import cli

FIXTURES = Path(__file__).resolve().parents[2] / "data" / "tflite"
DYNAMIC = str(FIXTURES / "cnn_dynamic.tflite")
#: One line per row.
WIDE = {"COLUMNS": "240"}


def test_the_list_of_targets() -> None:
    result = CliRunner().invoke(cli, ["targets"], env=WIDE)
    assert result.exit_code == 0
    for name in ("litert", "litert-1.4", "tflite-runtime-2.14", "tflite-c-2.17", "tflite-runtime-2.5", "tflite-micro"):
        assert f" {name} " in result.output


def test_one_target_with_its_operators_and_traps() -> None:
    result = CliRunner().invoke(cli, ["targets", "tflite-runtime-2.14"], env=WIDE)
    assert result.exit_code == 0
    assert re.search(r"FULLY_CONNECTED +10 ", result.output)
    assert "4-bit numbers" in result.output


def test_targets_as_json() -> None:
    result = CliRunner().invoke(cli, ["targets", "--json"])
    targets = {target["name"]: target for target in json.loads(result.output)["targets"]}
    assert targets["tflite-runtime-2.5"]["highest_versions"]["CONV_2D"] == 5
    assert targets["tflite-micro"]["highest_versions"]["CONV_2D"] is None
    assert targets["tflite-micro"]["traps"]
    one = json.loads(CliRunner().invoke(cli, ["targets", "litert", "--json"]).output)
    assert one == targets["litert"]


def test_an_unknown_target_is_a_usage_error() -> None:
    for arguments in (["targets", "coral"], ["inspect", DYNAMIC, "--target", "coral"]):
        result = CliRunner().invoke(cli, arguments)
        assert result.exit_code == 2
        assert "There is no target 'coral'." in result.output


def test_a_model_that_runs_on_one_target_and_not_on_another() -> None:
    arguments = ["inspect", DYNAMIC, "--target", "litert", "--target", "tflite-runtime-2.14"]
    result = CliRunner().invoke(cli, arguments, env=WIDE)
    assert result.exit_code == 3
    assert "needs version 12 for float activations with per-channel int8 weights" in result.output
    assert "cnn_dynamic.tflite does not run on tflite-runtime-2.14." in result.output
    assert CliRunner().invoke(cli, ["inspect", DYNAMIC, "--target", "litert"]).exit_code == 0


def test_the_verdict_as_json() -> None:
    result = CliRunner().invoke(cli, ["inspect", DYNAMIC, "--json", "--target", "tflite-runtime-2.14"])
    assert result.exit_code == 3
    (check,) = json.loads(result.stdout)["targets"]
    assert check["target"] == "tflite-runtime-2.14" and not check["runs"]
    assert check["findings"][0]["needed"] == 12


def test_a_plain_inspection_says_where_the_model_runs() -> None:
    result = CliRunner().invoke(cli, ["inspect", DYNAMIC])
    assert re.search(r"runs on +litert, litert-1\.4, tflite-c-2\.17 *\n", result.output)
    result = CliRunner().invoke(cli, ["inspect", DYNAMIC, "--json"])
    assert json.loads(result.stdout)["runs_on"] == ["litert", "litert-1.4", "tflite-c-2.17"]


def test_a_keras_file_has_no_targets(tmp_path: Path) -> None:
    file = tmp_path / "model.h5"
    file.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
    result = CliRunner().invoke(cli, ["inspect", str(file), "--target", "litert"])
    assert result.exit_code == 2
    assert "edgekit convert model.h5 --target litert" in result.output
