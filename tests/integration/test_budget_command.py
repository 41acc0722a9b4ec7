"""``edgekit convert --max-drop`` and ``--quantize auto`` on a model that int8 breaks: files, figures, exit codes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import hostile_models
import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from edgekit.budget.choice import EQUALLY_FAST
from edgekit.cli import cli
from edgekit_runtime.packed_file.manifest import read_manifest


def edgekit(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [*map(str, arguments)])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The concatenated scales as ``model.keras``, and its data with and without labels."""
    folder = tmp_path_factory.mktemp("budget")
    hostile = hostile_models.concatenated_scales()
    hostile.keras_model.save(folder / "model.keras")
    np.savez(folder / "data.npz", x=hostile.inputs, y=hostile.targets)
    np.savez(folder / "unlabelled.npz", x=hostile.inputs)
    return folder


@pytest.fixture(scope="module")
def int8(folder: Path) -> tuple[dict[str, Any], bytes]:
    """The report of ``--quantize int8 --max-drop 0.005`` without repair, and the file."""
    options = ["--quantize", "int8", "--data", folder / "data.npz", "--max-drop", "0.005", "--repair", "off"]
    result = edgekit("convert", folder / "model.keras", *options, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout), (folder / "model-int8.tflite").read_bytes()


def test_the_concatenation_and_its_reader_stay_in_float(int8: tuple[dict[str, Any], bytes]) -> None:
    budget = int8[0]["budget"]
    assert budget["met"]
    assert budget["winner"] == "int8, 2 of 11 in float"
    assert (budget["metric"], budget["against"]) == ("top1", "labels")
    assert (budget["calibration_examples"], budget["search_examples"], budget["held_back_examples"]) == (256, 1000, 360)
    assert budget["is_confirmed"]
    plain, half, last = budget["steps"]
    assert (plain["float_operators"], plain["kind"]) == (0, "")
    assert plain["drop"] > 0.5
    assert {half["kind"], last["kind"]} == {"CONCATENATION", "CONV_2D"}
    # One alone brings almost nothing.
    assert half["drop"] > 0.5
    assert last["drop"] <= 0.005


def test_the_manifest_tells_the_budget_and_what_is_in_float(int8: tuple[dict[str, Any], bytes]) -> None:
    facts = read_manifest(int8[1]).provenance["budget"]
    assert facts["max_drop"] == 0.005
    assert facts["drop"] <= 0.005
    assert facts["examples"] == 360
    assert len(facts["float_operators"]) == 2


def test_validate_agrees(folder: Path, int8: tuple[dict[str, Any], bytes]) -> None:
    (folder / "kept.tflite").write_bytes(int8[1])
    options = ["--data", folder / "data.npz", "--max-drop", "0.005", "--json"]
    result = edgekit("validate", folder / "model.keras", folder / "kept.tflite", *options)
    assert result.exit_code == 0, result.output


def test_again_the_same_bytes_and_the_tables(folder: Path, int8: tuple[dict[str, Any], bytes]) -> None:
    options = ["--quantize", "int8", "--data", folder / "data.npz", "--max-drop", "0.005", "--repair", "off"]
    result = edgekit("convert", folder / "model.keras", *options, "-o", folder / "again.tflite")
    assert result.exit_code == 0, result.output
    assert (folder / "again.tflite").read_bytes() == int8[1]
    assert "none: plain int8" in result.stdout
    assert "CONV_2D joined" in result.stdout
    assert "int8, 2 of 11 in float (selected)" in result.stdout
    assert "Judged on 360 held-back examples, each 0.28 %" in result.stdout
    assert "calibrated on 256 others; searched on 1000 more" in result.stdout


def test_a_missed_budget_exits_with_3_and_leaves_the_asked_name_alone(folder: Path) -> None:
    (folder / "exact.tflite").write_bytes(b"what was there before")
    options = ["--quantize", "int8", "--data", folder / "unlabelled.npz", "--max-drop", "0", "--metric", "mse"]
    result = edgekit("convert", folder / "model.keras", *options, "-o", folder / "exact.tflite")
    assert result.exit_code == 3
    assert "No model meets the budget" in result.stderr
    assert "mse within 0 of the float model's" in result.stderr
    assert "mse against the float model's predictions" in result.stdout
    assert (folder / "exact.tflite").read_bytes() == b"what was there before"
    manifest = read_manifest((folder / "exact-over-budget.tflite").read_bytes())
    assert manifest.provenance["budget"]["met"] is False
    assert manifest.provenance["budget"]["drop"] > 0


@pytest.fixture(scope="module")
def auto(folder: Path) -> dict[str, Any]:
    """The report of ``--quantize auto --prefer size``."""
    options = ["--quantize", "auto", "--data", folder / "data.npz", "--prefer", "size", "--json"]
    result = edgekit("convert", folder / "model.keras", *options)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_auto_measures_every_mode_and_takes_the_smallest(folder: Path, auto: dict[str, Any]) -> None:
    budget = auto["budget"]
    candidates = budget["candidates"]
    assert [each["mode"] for each in candidates] == ["none", "float16", "dynamic", "int16x8", "int8", "int4"]
    within = [each for each in candidates if each["is_within"]]
    taken = candidates[budget["chosen"]]
    assert taken["size_bytes"] == min(each["size_bytes"] for each in within)
    assert taken["mode"] == auto["models"][0]["quantize"]
    assert auto["models"][0]["path"] == str(folder / "model-auto.tflite")
    assert all(each["p50_ms"] > 0 for each in candidates)


def test_auto_by_speed_takes_none_that_is_slow(auto: dict[str, Any]) -> None:
    from edgekit.budget.choice import choose
    from edgekit.budget.report import Candidate
    from edgekit.budget.request import Preference

    candidates = [
        Candidate(**{key: each[key] for key in Candidate.__dataclass_fields__} | {"recipe": None, "interval": None})
        for each in auto["budget"]["candidates"]
    ]
    taken = candidates[choose(candidates, Preference.SPEED)]
    assert taken.p50_ms <= EQUALLY_FAST * min(each.p50_ms for each in candidates if each.is_within)


def test_the_pareto_figure_lies_beside_the_output(folder: Path, auto: dict[str, Any]) -> None:
    with Image.open(folder / "model-auto.png") as figure:
        figure.load()
        assert min(figure.size) > 600


def test_another_mode_is_only_checked(folder: Path, tmp_path: Path) -> None:
    options = ["--quantize", "float16", "--data", folder / "data.npz", "--max-drop", "1e-6", "--metric", "mse"]
    figure = tmp_path / "figure.png"
    output = tmp_path / "half.tflite"
    result = edgekit("convert", folder / "model.keras", *options, "--figure", figure, "-o", output, "--json")
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)["budget"]
    assert (report["metric"], report["against"]) == ("mse", "the float model's predictions")
    assert 0 < report["candidates"][0]["drop"] <= 1e-6
    assert (report["steps"], report["search_examples"], report["calibration_examples"]) == ([], 0, 0)
    assert figure.is_file()


def test_a_metric_of_labels_without_labels_is_a_sentence(folder: Path, tmp_path: Path) -> None:
    options = ["--data", folder / "unlabelled.npz", "--max-drop", "0.005", "--metric", "f1_macro"]
    result = edgekit("convert", folder / "model.keras", *options, "-o", tmp_path / "x.tflite")
    assert result.exit_code == 1
    assert "The metric f1_macro needs ground truth" in result.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "options",
    [
        ["--quantize", "int8", "--max-drop", "0.005"],
        ["--quantize", "auto"],
        ["--quantize", "int8", "--data", "digits", "--prefer", "size"],
        ["--quantize", "int8", "--data", "digits", "--max-drop", "0.005", "--metric", "accurracy"],
        ["--quantize", "int8", "--data", "digits", "--max-drop", "-1"],
        ["--all", "--data", "digits", "--max-drop", "0.005"],
    ],
    ids=" ".join,
)
def test_options_that_do_not_go_together_are_usage_errors(options: list[str], tmp_path: Path) -> None:
    # Told before anything is read: there is no such model.
    result = edgekit("convert", tmp_path / "absent.keras", *options)
    assert result.exit_code == 2, result.output
