"""``edgekit validate``: figures, thresholds, exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from edgekit.cli import cli


def validate(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["validate", *map(str, arguments)])


@pytest.mark.parametrize("mode", ["none", "float16", "dynamic", "int8"])
def test_the_variants_keep_the_accuracy(mode: str, trained_folder: Path, variants_folder: Path) -> None:
    result = validate(
        trained_folder / "model.h5", variants_folder / f"model-{mode}.tflite", "--data", "digits", "--json"
    )
    assert result.exit_code == 0, result.output
    figures = json.loads(result.stdout)["agreement"]
    assert figures["samples"] == 360
    assert figures["reference_top1"] > 0.9
    assert abs(figures["accuracy_drop"]) <= 0.005 + 1e-9
    assert figures["top1_agreement"] > 0.99
    assert figures["max_absolute_difference"] < {"none": 1e-5, "float16": 0.01, "dynamic": 0.1, "int8": 0.1}[mode]


def test_the_reference_agrees_with_the_training_report(trained_folder: Path, variants_folder: Path) -> None:
    result = validate(trained_folder / "model.h5", variants_folder / "model-none.tflite", "--data", "digits", "--json")
    report = json.loads((trained_folder / "training.json").read_text())
    assert json.loads(result.stdout)["agreement"]["reference_top1"] == pytest.approx(report["test_accuracy"])


@pytest.fixture
def untrained_tflite(tmp_path: Path) -> Path:
    """The same network with fresh weights: it answers at chance."""
    from edgekit.training.reference_cnn import build

    build((28, 28, 1), 10).save(tmp_path / "fresh.keras")
    result = CliRunner().invoke(cli, ["convert", str(tmp_path / "fresh.keras")])
    assert result.exit_code == 0, result.output
    return tmp_path / "fresh.tflite"


def test_a_missed_threshold_exits_with_3(trained_folder: Path, untrained_tflite: Path) -> None:
    thresholds = ["--max-drop", "0.01", "--min-agreement", "0.9"]
    result = validate(trained_folder / "model.h5", untrained_tflite, "--data", "digits", *thresholds)
    assert result.exit_code == 3
    assert "top-1 −" in result.stderr
    assert "top-1 agreement is" in result.stderr
    with_json = validate(trained_folder / "model.h5", untrained_tflite, "--data", "digits", *thresholds, "--json")
    assert with_json.exit_code == 3
    report = json.loads(with_json.stdout)
    assert report["passed"] is False
    assert len(report["failures"]) == 2


def test_without_thresholds_a_bad_model_is_reported_not_failed(trained_folder: Path, untrained_tflite: Path) -> None:
    assert validate(trained_folder / "model.h5", untrained_tflite, "--data", "digits").exit_code == 0


def test_data_of_another_size_is_a_sentence(trained_folder: Path, variants_folder: Path, tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (40, 32, 32, 3), np.uint8)
    np.savez(tmp_path / "cifar.npz", x=pixels, y=np.arange(40) % 2)
    result = validate(
        trained_folder / "model.h5", variants_folder / "model-none.tflite", "--data", tmp_path / "cifar.npz"
    )
    assert result.exit_code == 1
    assert "does not fit the model's input" in result.stderr
    assert "28 × 28 × 1" in result.stderr
    assert "32 × 32 × 3" in result.stderr


def test_labels_that_do_not_fit_are_a_sentence(trained_folder: Path, variants_folder: Path, tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (60, 28, 28, 1), np.uint8)
    np.savez(tmp_path / "twenty.npz", x=pixels, y=np.arange(60) % 20)
    result = validate(
        trained_folder / "model.h5", variants_folder / "model-none.tflite", "--data", tmp_path / "twenty.npz"
    )
    assert result.exit_code == 1
    assert "ground truth of the data is not compatible with output scores" in result.stderr


def test_the_html_report_holds_every_model(trained_folder: Path, variants_folder: Path, tmp_path: Path) -> None:
    models = [variants_folder / f"model-{mode}.tflite" for mode in ("none", "int8")]
    report = tmp_path / "report.html"
    result = validate(
        trained_folder / "model.h5", *models, "--data", "digits", "--html", report, "--min-agreement", "1"
    )
    text = report.read_text()
    assert "<h2>model-none.tflite</h2>" in text
    assert "<h2>model-int8.tflite</h2>" in text
    assert text.count("<b>Reliability</b>") == 2
    assert "McNemar p = " in text
    failed = result.exit_code == 3
    assert ('class="verdict failed"' in text) is failed
    assert ("Passed: agreement of at least 100 %." in text) is not failed


def test_the_table_tells_what_changed(trained_folder: Path, untrained_tflite: Path, tmp_path: Path) -> None:
    result = validate(
        trained_folder / "model.h5", untrained_tflite, "--data", "digits", "--changed", tmp_path / "changed.png"
    )
    assert result.exit_code == 0, result.output
    lines = " ".join(result.stdout.split())
    for part in ("top-1", "top-5", "correct only in one model", "McNemar p =", "expected calibration error",
                 "signal to noise",
                 "Recall of the classes that changed", "Examples whose prediction changed, 10 of"):  # fmt: skip
        assert part in lines
    with Image.open(tmp_path / "changed.png") as sheet:
        assert sheet.width > 1000
        # Digits in columns of eight and six rows, bright on dark.
        assert 0.2 < np.mean(np.asarray(sheet.convert("L")) < 40) < 0.9


def test_json_holds_every_figure(trained_folder: Path, variants_folder: Path) -> None:
    tflites = [variants_folder / f"model-{mode}.tflite" for mode in ("dynamic", "int8")]
    result = validate(trained_folder / "model.h5", *tflites, "--data", "digits", "--everything", "--json")
    assert result.exit_code == 0, result.output
    first, second = json.loads(result.stdout)["validations"]
    assert first["data"] == second["data"]
    assert first["data"]["samples"] == 1797
    classes = second["outputs"][0]["classification"]
    figures = classes["labelled"]
    assert sum(figures["counts"].values()) == 1797
    assert np.shape(figures["reference_confusion"]) == np.shape(figures["candidate_confusion"]) == (10, 10)
    assert np.trace(figures["candidate_confusion"]) == round(1797 * figures["candidate_top1"])
    assert len(figures["recalls"]) == 10
    assert len(figures["reference_calibration"]["bins"]) == 10
    low, high = figures["drop_interval"]["low"], figures["drop_interval"]["high"]
    assert low <= figures["accuracy_drop"] <= high
    assert classes["changed"] == round(1797 * (1 - classes["top1_agreement"]))


def test_figures_of_one_file_take_one_file(trained_folder: Path, variants_folder: Path) -> None:
    tflites = [variants_folder / f"model-{mode}.tflite" for mode in ("dynamic", "int8")]
    result = validate(trained_folder / "model.h5", *tflites, "--data", "digits", "--changed", "changed.png")
    assert result.exit_code == 2
    assert "accept only one TFLITE" in result.stderr


def test_a_sheet_without_anything_to_draw_keeps_the_comparison(tmp_path: Path) -> None:
    tflite = Path(__file__).parents[2] / "data" / "tflite" / "dense_float32.tflite"
    np.savez(tmp_path / "data.npz", x=np.random.default_rng(0).normal(size=(40, 4)).astype(np.float32))
    sheet, page = tmp_path / "changed.png", tmp_path / "page.html"
    for kind, why in (("values", "no output gives classes"), ("classes", "no example changed its class")):
        result = validate(
            tflite, tflite, "--data", tmp_path / "data.npz", "--output-kind", kind, "--changed", sheet, "--html", page
        )
        assert result.exit_code == 0, result.output
        assert f"{sheet} was not written: {why}." in result.stderr
        assert f"Wrote {page}." in result.stderr
        assert "max absolute difference" in result.stdout
        assert not sheet.exists()
