from __future__ import annotations

import numpy as np
import pytest

from edgekit_runtime.boxes.candidates import Candidates
from edgekit_runtime.boxes.suppression import MOST_CANDIDATES, intersection_over_union, suppress


def candidates(*rows: tuple[float, ...]) -> Candidates:
    """Boxes from rows of class, score, x_min, y_min, x_max, y_max."""
    table = np.array(rows, np.float32).reshape(-1, 6)
    return Candidates(table[:, 2:], table[:, 1], table[:, 0].astype(np.int64))


def chosen(boxes: Candidates, score: float = 0.1, iou: float = 0.5, most: int = 100) -> list[int]:
    return suppress(boxes, score_threshold=score, iou_threshold=iou, max_detections=most).tolist()


def greedy(boxes: Candidates, score: float, iou: float, most: int) -> list[int]:
    """One box after the other, as the algorithm is usually written."""
    kept: list[int] = []
    for index in sorted(range(len(boxes.scores)), key=lambda each: (-boxes.scores[each], each)):
        overlaps = intersection_over_union(boxes.boxes[[index]], boxes.boxes[kept])[0]
        if boxes.scores[index] >= score and not (overlaps[boxes.classes[kept] == boxes.classes[index]] > iou).any():
            kept.append(index)
    return kept[:most]


# Two squares of side 2, one moved by 1: intersection 2, union 6.
MOVED = ((0, 0.9, 0, 0, 2, 2), (0, 0.8, 1, 0, 3, 2))


@pytest.mark.parametrize(
    ("rows", "options", "expected"),
    [
        pytest.param((), {}, [], id="no-boxes"),
        pytest.param(MOVED, {"iou": 0.34}, [0, 1], id="overlap-below-threshold"),
        pytest.param(MOVED, {"iou": 0.33}, [0], id="overlap-above-threshold"),
        pytest.param((MOVED[1], MOVED[0]), {"iou": 0.3}, [1], id="the-best-is-kept"),
        pytest.param((MOVED[0], (1, *MOVED[1][1:])), {"iou": 0.3}, [0, 1], id="other-classes-do-not-count"),
        pytest.param((MOVED[0], MOVED[0]), {"iou": 1.0}, [0, 1], id="no-overlap-exceeds-1"),
        pytest.param(MOVED, {"iou": 0.9, "most": 1}, [0], id="at-most"),
        pytest.param(MOVED, {"iou": 0.9, "score": 0.85}, [0], id="score-threshold"),
        pytest.param(((0, np.nan, 0, 0, 2, 2), MOVED[1]), {}, [1], id="score-nan"),
        pytest.param(((0, 0.9, np.nan, 0, 2, 2), MOVED[1]), {}, [1], id="box-nan"),
        pytest.param(((0, 0.9, 0, 0, np.inf, 2), MOVED[1]), {}, [1], id="box-infinite"),
        pytest.param(((0, 0.9, 2, 0, 2, 2), (0, 0.9, 3, 0, 2, 2), MOVED[1]), {}, [2], id="no-area"),
        pytest.param(((0, 0.9, -3e38, -3e38, 3e38, 3e38), MOVED[1]), {}, [0, 1], id="enormous"),
        pytest.param(((0, 0.5, 0, 0, 2, 2), (0, 0.5, 5, 5, 7, 7)), {}, [0, 1], id="ties-by-index"),
        # The middle box removes nothing, because it is itself removed.
        pytest.param(
            ((0, 0.9, 0, 0, 4, 2), (0, 0.8, 1, 0, 5, 2), (0, 0.7, 2, 0, 6, 2)), {"iou": 0.5}, [0, 2], id="chain"
        ),
    ],
)  # fmt: skip
def test_chooses(rows: tuple[tuple[float, ...], ...], options: dict[str, float], expected: list[int]) -> None:
    assert chosen(candidates(*rows), **options) == expected


@pytest.mark.parametrize("seed", range(3))
def test_equals_the_greedy_algorithm(seed: int) -> None:
    dice = np.random.default_rng(seed)
    centres, sizes = dice.uniform(0, 100, (400, 2)), dice.uniform(5, 40, (400, 2))
    boxes = np.concatenate([centres - sizes / 2, centres + sizes / 2], 1).astype(np.float32)
    # Few different scores, so that many are equal.
    many = Candidates(boxes, dice.integers(0, 30, 400).astype(np.float32) / 30, dice.integers(0, 3, 400))
    assert chosen(many, 0.2, 0.4, 90) == greedy(many, 0.2, 0.4, 90)


def test_many_boxes_take_bounded_memory() -> None:
    count = 2 * MOST_CANDIDATES
    boxes = np.tile(np.array([0, 0, 10, 10], np.float32), (count, 1))
    many = Candidates(boxes, np.linspace(0, 1, count, dtype=np.float32), np.arange(count))
    # Every class has one box; only the candidates with the highest scores take part.
    assert chosen(many, 0.0, 0.5, count) == list(range(count - 1, count - 1 - MOST_CANDIDATES, -1))
    assert chosen(many._replace(classes=np.zeros(count, np.int64)), 0.0) == [count - 1]


def test_boxes_without_an_area_overlap_nothing() -> None:
    point = np.zeros((1, 4), np.float32)
    assert intersection_over_union(point, point).tolist() == [[0.0]]
