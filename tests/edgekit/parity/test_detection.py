"""Detectors are judged by the boxes that they find in images with true boxes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from edgekit.artifacts.box_heads import BoxOptions
from edgekit.artifacts.packing import PackOptions, pack_file
from edgekit.cli import cli
from edgekit.datasets.ground_truth import BOX_GROUND_TRUTH
from edgekit.parity.found_boxes import as_truth
from edgekit.parity.metrics import FLOAT_PREDICTIONS, LABELLED, boxes_metric
from edgekit.parity.options import Thresholds, ValidationOptions
from edgekit.parity.validation import Validation, validate

TFLITE = Path(__file__).resolve().parents[2] / "data" / "tflite"
ANCHORS = np.array([[(n + 0.5) / 8, (n + 0.5) / 8, 0.25, 0.25] for n in range(8)], np.float32)


@pytest.fixture(scope="module")
def detector(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("detector") / "detector.tflite"
    pack_file(TFLITE / "ssd.tflite", path, PackOptions(labels=("cat", "dog"), boxes=BoxOptions("ssd", {}, ANCHORS)))
    return path


def images(folder: Path, *, annotated: bool = True, missing: int = 0) -> Path:
    """Ten images in which the detector finds one dog, each in another row; the last ones are annotated elsewhere."""
    folder.mkdir()
    annotations = []
    for number in range(10):
        row = number % 6 + 1
        image = np.zeros((8, 8), np.uint8)
        image[:, :4], image[row, 6], image[0, 7] = 128, 200 + number, number
        Image.fromarray(image).save(folder / f"{number}.png")
        place = row - 0.5 if number < 10 - missing else 0
        annotations.append({"image_id": number, "category_id": 2, "bbox": [place, place, 2, 2]})
    content = {
        "images": [{"id": n, "file_name": f"{n}.png", "height": 8, "width": 8} for n in range(10)],
        "annotations": annotations,
        "categories": [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}],
    }
    if annotated:
        (folder / "annotations.json").write_text(json.dumps(content))
    return folder


def compared(detector: Path, data: Path, max_drop: float | None = 0.1) -> Validation:
    options = ValidationOptions(everything=True)
    return validate(detector, detector, str(data), thresholds=Thresholds(max_drop=max_drop), options=options)


def test_average_precision_of_both_models(detector: Path, tmp_path: Path) -> None:
    result = compared(detector, images(tmp_path / "images"))
    ap, ap50 = result.outputs[0].metrics
    assert (ap.name, ap.against, ap.reference, ap.candidate, ap.drop) == ("ap", LABELLED, 1.0, 1.0, 0.0)
    assert (ap50.name, ap50.reference, ap50.candidate) == ("ap50", 1.0, 1.0)
    assert ap.interval is not None
    assert result.outputs[0].accuracy_drop == 0.0
    assert result.passed
    assert ("ap", "100.00 % → 100.00 % (+0.00 points, 95 % interval +0.00 to +0.00)") in result.outputs[0].facts()


def test_boxes_in_other_places_are_wrong(detector: Path, tmp_path: Path) -> None:
    ap, _ = compared(detector, images(tmp_path / "images", missing=5)).outputs[0].metrics
    # Five of ten true boxes are found, but the wrong ones have higher scores.
    assert ap.reference is not None
    assert 0 < ap.reference < 0.5


def test_without_true_boxes_the_reference_s_are_expected(detector: Path, tmp_path: Path) -> None:
    ap, _ = compared(detector, images(tmp_path / "images", annotated=False), None).outputs[0].metrics
    assert (ap.against, ap.reference, ap.candidate) == (FLOAT_PREDICTIONS, None, 1.0)


def test_the_command_shows_them(detector: Path, tmp_path: Path) -> None:
    data = images(tmp_path / "images")
    result = CliRunner().invoke(cli, ["validate", str(detector), str(detector), "--data", str(data), "--everything"])
    assert result.exit_code == 0, result.output
    assert "AP50" in result.output


def found(*rows: tuple[float, ...]) -> np.ndarray:
    table = np.full((2, 3, 6), -1, np.float32)
    table[0, : len(rows)] = rows
    return table


def test_the_metric_of_a_budget() -> None:
    reference = found((0, 0.9, 0, 0, 4, 4), (1, 0.8, 4, 4, 8, 8), (1, 0.1, 0, 0, 2, 2))
    candidate = found((0, 0.9, 0, 0, 4, 4))
    metric = boxes_metric("ap50", None)
    # The candidate finds the box of one of two classes; the reference's third is not confident enough.
    assert metric.drop(reference, candidate, None) == 0.5
    score = metric.compare(reference, candidate, None)
    assert (score.reference, score.candidate, score.drop) == (1.0, 0.5, 0.5)
    assert metric.drop(reference, np.full_like(candidate, np.nan), None) == float("inf")
    truth = as_truth(candidate)
    assert boxes_metric("ap50", truth).drop(candidate, candidate, truth) == 0.0


def test_the_key_of_true_boxes_is_not_the_name_of_an_output() -> None:
    # Signatures of TensorFlow have names of letters, digits and underscores.
    assert not BOX_GROUND_TRUTH.isidentifier()
