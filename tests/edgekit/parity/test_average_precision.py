from __future__ import annotations

import contextlib
import io
from typing import Any

import numpy as np
import pytest

from edgekit.parity.average_precision import average_precisions, box_score, compare_boxes, match
from edgekit_runtime.errors import DataError


def padded(images: list[list[tuple[float, ...]]]) -> np.ndarray:
    table = np.full((len(images), max(1, *map(len, images)), 6), -1, np.float32)
    for image, rows in enumerate(images):
        table[image, : len(rows)] = np.array(rows, np.float32).reshape(-1, 6)
    return table


def oracle(found: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    """``ap`` and ``ap50`` of pycocotools."""
    coco = pytest.importorskip("pycocotools.coco", reason="pycocotools is not installed")
    from pycocotools.cocoeval import COCOeval

    def box(corners: np.ndarray) -> list[float]:
        x_min, y_min, x_max, y_max = corners.astype(np.float64).tolist()
        return [x_min, y_min, x_max - x_min, y_max - y_min]

    true = [
        {"image_id": image, "category_id": int(row[0]), "bbox": box(row[1:5]), "iscrowd": int(row[5])}
        for image, rows in enumerate(truth)
        for row in rows
        if row[0] >= 0
    ]
    true = [{**each, "id": place + 1, "area": each["bbox"][2] * each["bbox"][3]} for place, each in enumerate(true)]
    results: list[Any] = [
        {"image_id": image, "category_id": int(row[0]), "bbox": box(row[2:]), "score": float(row[1])}
        for image, rows in enumerate(found)
        for row in rows
        if row[0] >= 0
    ]
    if not results:
        # pycocotools does not load an empty list.
        return 0.0, 0.0
    classes = {int(each["category_id"]) for each in [*true, *results]}
    with contextlib.redirect_stdout(io.StringIO()):
        data = coco.COCO()
        data.dataset = {
            "images": [{"id": image} for image in range(len(truth))],
            "annotations": true,
            "categories": [{"id": each} for each in sorted(classes)],
        }
        data.createIndex()
        judge = COCOeval(data, data.loadRes(results), "bbox")
        judge.params.areaRng, judge.params.areaRngLbl = [[0, 1e10]] * 4, ["all", "small", "medium", "large"]
        judge.evaluate()
        judge.accumulate()
        judge.summarize()
    return float(judge.stats[0]), float(judge.stats[1])


def scores(found: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    matches = match(found, truth)
    return box_score("ap", matches), box_score("ap50", matches)


BOX = (0, 0, 10, 10)
#: Overlaps BOX by 8 * 10 / 120.
MOVED = (2, 0, 12, 10)


@pytest.mark.parametrize(
    ("found", "truth", "expected"),
    [
        pytest.param([[(0, 0.9, *BOX)]], [[(0, *BOX, 0)]], (1.0, 1.0), id="exact"),
        # 0.667 reaches 0.5, 0.55, 0.6 and 0.65.
        pytest.param([[(0, 0.9, *MOVED)]], [[(0, *BOX, 0)]], (0.4, 1.0), id="moved"),
        pytest.param([[(1, 0.9, *BOX)]], [[(0, *BOX, 0)]], (0.0, 0.0), id="other-class"),
        pytest.param([[]], [[(0, *BOX, 0)]], (0.0, 0.0), id="nothing-found"),
        # Precision 1/2 at recall 1: a wrong box with a higher score.
        pytest.param([[(0, 0.9, 50, 50, 60, 60), (0, 0.8, *BOX)]], [[(0, *BOX, 0)]], (0.5, 0.5), id="wrong-first"),
        pytest.param([[(0, 0.9, *BOX), (0, 0.8, 50, 50, 60, 60)]], [[(0, *BOX, 0)]], (1.0, 1.0), id="wrong-last"),
        pytest.param([[(0, 0.9, *BOX), (0, 0.8, *BOX)]], [[(0, *BOX, 0)]], (1.0, 1.0), id="found-twice"),
        # Recall 1/2: precision 1 at 51 of 101 recalls.
        pytest.param([[(0, 0.9, *BOX)], []], [[(0, *BOX, 0)]] * 2, (51 / 101, 51 / 101), id="one-of-two"),
        pytest.param(
            [[(0, 0.9, *BOX), (0, 0.95, 20, 20, 25, 25)]],
            [[(0, *BOX, 0), (0, 15, 15, 40, 40, 1)]],
            (1.0, 1.0),
            id="inside-a-crowd-does-not-count",
        ),
        pytest.param([[(0, 0.9, *BOX)]], [[(0, *BOX, 0), (1, *MOVED, 0)]], (0.5, 0.5), id="mean-over-classes"),
    ],
)
def test_by_hand(found: Any, truth: Any, expected: tuple[float, float]) -> None:
    assert scores(padded(found), padded(truth)) == pytest.approx(expected)
    assert oracle(padded(found), padded(truth)) == pytest.approx(expected)


def many(seed: int, images: int = 12, *, crowds: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """True boxes, and found ones that are moved, missing, doubled and wrong, with few different scores."""
    dice = np.random.default_rng(seed)
    truth, found = [], []
    for _ in range(images):
        corners = dice.integers(0, 80, (dice.integers(0, 7), 2))
        boxes = np.concatenate([corners, corners + dice.integers(1, 40, corners.shape)], 1)
        classes = dice.integers(0, 3, len(boxes))
        is_crowd = (dice.random(len(boxes)) < 0.15) & crowds
        truth.append([(c, *b, k) for c, b, k in zip(classes, boxes, is_crowd, strict=True)])
        copies = [n for n in range(len(boxes)) for _ in range(dice.integers(0, 3))]
        moved = [(classes[n], dice.integers(1, 8) / 8, *(boxes[n] + dice.integers(-3, 4, 4))) for n in copies]
        moved = [row for row in moved if row[4] > row[2] and row[5] > row[3]]
        found.append([*moved, (dice.integers(0, 4), 0.5, 5, 5, 9, 9), (2, 0.25, 0, 0, 99, 99)])
    return padded(found), padded(truth)


@pytest.mark.parametrize("seed", range(8))
def test_equals_pycocotools(seed: int) -> None:
    found, truth = many(seed)
    assert scores(found, truth) == pytest.approx(oracle(found, truth), abs=1e-9)


def test_at_most_100_boxes_of_a_class_count_as_in_pycocotools() -> None:
    wrong = [(0, 0.9, 200 + n, 200, 210 + n, 210) for n in range(100)]
    found, truth = padded([[*wrong, (0, 0.8, *BOX)]]), padded([[(0, *BOX, 0)]])
    assert scores(found, truth) == oracle(found, truth) == (0.0, 0.0)


def test_weights_are_repetitions_of_images() -> None:
    found, truth = many(3)
    # Of equal scores, repeated boxes would come in another order.
    found[..., 1] += np.random.default_rng(0).uniform(0, 0.1, found.shape[:2])
    rows = np.array([0, 0, 0, 1, 2, 5, 5, 7, 8, 9, 11, 11])
    repeated = average_precisions(match(found[rows], truth[rows]))
    weighted = average_precisions(match(found, truth), np.bincount(rows, minlength=len(truth)))
    assert weighted == pytest.approx(repeated)


def test_the_interval_is_over_images() -> None:
    found, truth = many(1, images=40)
    worse = found.copy()
    worse[::2, :, 0] = -1
    result = compare_boxes("ap50", found, worse, truth)
    assert result.interval is not None
    assert 0 < result.interval.low < result.reference - result.candidate < result.interval.high
    same = compare_boxes("ap", found, found, truth)
    assert same.interval is not None
    assert (same.interval.low, same.interval.high) == (0, 0)


def test_without_true_boxes_it_is_undefined() -> None:
    with pytest.raises(DataError, match="no true boxes"):
        match(padded([[(0, 0.9, *BOX)]]), padded([[]]))
    with pytest.raises(DataError, match="no true boxes"):
        match(padded([[]]), padded([[(0, *BOX, 1)]]))


def test_one_image_has_no_interval() -> None:
    found, truth = padded([[(0, 0.9, *BOX)]]), padded([[(0, *BOX, 0)]])
    assert compare_boxes("ap", found, found, truth).interval is None
