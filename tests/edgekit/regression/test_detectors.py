"""Detectors in the gate: average precision, with evidence from a bootstrap over images."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import Result
from PIL import Image

from edgekit.artifacts.box_heads import BoxOptions
from edgekit.artifacts.packing import PackOptions, pack_file
from edgekit.parity.average_precision import box_score, match
from edgekit.regression.box_predictions import BoxPredictions, unpack_boxes
from edgekit.regression.predictions import unpack_predictions
from edgekit.regression.rules.box_rule import judge_boxes
from edgekit.regression.rules.thresholds import Limits
from edgekit.regression.verdicts import Verdict
from edgekit_runtime.errors import EdgekitError

TFLITE = Path(__file__).resolve().parents[2] / "data" / "tflite"
IMAGES = 30


def random_boxes(seed: int, *, found_share: float) -> BoxPredictions:
    """Two true boxes of two classes in each image; a share of them is found, among as many wrong boxes."""
    rng = np.random.default_rng(seed)
    truth = np.zeros((IMAGES, 2, 6), np.float32)
    truth[..., 0] = [0, 1]
    truth[..., 1:3] = np.random.default_rng(0).uniform(0, 50, (IMAGES, 2, 2))
    truth[..., 3:5] = truth[..., 1:3] + 20
    found = np.zeros((IMAGES, 4, 6), np.float32)
    found[..., 0] = [0, 1, 0, 1]
    found[..., 1] = rng.uniform(0.1, 1, (IMAGES, 4))
    found[:, :2, 2:] = truth[..., 1:5] + rng.uniform(-2, 2, (IMAGES, 2, 4))
    found[:, 2:, 2:] = [200, 200, 220, 220]
    found[:, :2, 0][rng.uniform(size=(IMAGES, 2)) > found_share] = -1
    return BoxPredictions(match(found, truth))


def test_packed_boxes_have_the_scores_of_the_found_ones_for_any_selection_of_images() -> None:
    predictions = random_boxes(1, found_share=0.8)
    read = unpack_boxes(json.loads(json.dumps(predictions.pack())), IMAGES)
    assert 0.2 < predictions.score < 0.9
    for seed in range(5):
        weights = np.random.default_rng(seed).multinomial(IMAGES, np.full(IMAGES, 1 / IMAGES))
        for name in ("ap", "ap50"):
            assert box_score(name, read.matches, weights) == box_score(name, predictions.matches, weights)


@pytest.mark.parametrize(
    "damage",
    [
        {"samples": IMAGES + 1},
        {"found": [1]},
        {"found": [-5, 5]},
        {"classes": [0, 7]},
        {"images": {"samples": 1, "values": "AAAA"}},
        {"positives": {"samples": 10**9, "values": ""}},
        {"right": None},
    ],
    ids=["images", "counts", "negative", "classes", "values", "huge", "missing"],
)
def test_damaged_boxes_are_refused(damage: dict[str, Any]) -> None:
    with pytest.raises(EdgekitError, match="are damaged"):
        unpack_predictions({**random_boxes(1, found_share=0.8).pack(), **damage}, None, IMAGES, "the baseline")


@pytest.mark.parametrize(
    ("share", "limits", "verdict"),
    [
        (0.9, {}, Verdict.PASSED),
        (0.3, {}, Verdict.FAILED),
        (0.3, {"max_drop": 0.9}, Verdict.PASSED),
        (0.85, {"max_drop": 0.0, "significance": 0.0001}, Verdict.WARNING),
        (0.85, {"max_drop": 0.0, "strict": True}, Verdict.FAILED),
    ],
    ids=["equal", "worse", "allowed", "chance", "strict"],
)
def test_the_rule_needs_a_drop_and_evidence(share: float, limits: dict[str, Any], verdict: Verdict) -> None:
    baseline, candidate = random_boxes(1, found_share=0.9), random_boxes(1, found_share=share)
    result = judge_boxes(baseline, candidate, Limits(limits), seed=0)
    assert result.verdict is verdict
    assert f"{100 * baseline.score:.2f} → {100 * candidate.score:.2f} %" in result.measured
    assert "bootstrap over 30 images" in result.why
    assert result.detectable_drop is not None


def annotated_images(folder: Path) -> None:
    """Images in which the detector finds one dog."""
    folder.mkdir()
    annotations = []
    for number in range(20):
        row = number % 6 + 1
        image = np.zeros((8, 8), np.uint8)
        image[:, :4], image[row, 6], image[0, 7] = 128, 200 + number, number
        Image.fromarray(image).save(folder / f"{number}.png")
        annotations.append({"image_id": number, "category_id": 2, "bbox": [row - 0.5, row - 0.5, 2, 2]})
    content = {
        "images": [{"id": n, "file_name": f"{n}.png", "height": 8, "width": 8} for n in range(20)],
        "annotations": annotations,
        "categories": [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}],
    }
    (folder / "annotations.json").write_text(json.dumps(content))


def pack(path: Path, offset: float) -> None:
    anchors = np.array([[(n + 0.5) / 8 + offset, (n + 0.5) / 8, 0.25, 0.25] for n in range(8)], np.float32)
    pack_file(TFLITE / "ssd.tflite", path, PackOptions(labels=("cat", "dog"), boxes=BoxOptions("ssd", {}, anchors)))


def test_the_gate_fails_a_detector_with_another_anchor_table(tmp_path: Path, check: Callable[..., Result]) -> None:
    annotated_images(tmp_path / "images")
    pack(tmp_path / "model.tflite", 0.0)
    (tmp_path / "edgekit.toml").write_text(
        'data = "images"\n[thresholds]\nmax_slowdown = false\n[models.m]\nfile = "model.tflite"\nexamples = "all"\n'
    )
    result = check(tmp_path, "--update-baseline")
    assert result.exit_code == 0, result.output
    assert "AP" in result.output
    assert check(tmp_path).exit_code == 0
    pack(tmp_path / "model.tflite", 0.3)
    result = check(tmp_path, "--json")
    assert result.exit_code == 3, result.output
    (rule,) = [each for each in json.loads(result.stdout)["models"][0]["rules"] if each["rule"] == "accuracy"]
    assert rule["verdict"] == "failed"
    assert rule["measured"].startswith("100.00 → 0.00 %")
