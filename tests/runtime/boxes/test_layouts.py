"""Each head layout decodes one box at a known position, in every shape that exporters write."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from edgekit_runtime.boxes.candidates import Candidates
from edgekit_runtime.boxes.decoding import checked_parameters
from edgekit_runtime.boxes.head import Head
from edgekit_runtime.boxes.layouts import LAYOUTS
from edgekit_runtime.errors import TensorMismatchError

HEIGHT, WIDTH = 32, 64
#: Of an input of 32 × 64: grids of 4 × 8, 2 × 4 and 1 × 2 cells.
CELLS = (32, 8, 2)
GRIDS = ((4, 8), (2, 4), (1, 2))


def decode(
    layout: str, outputs: Sequence[np.ndarray], table: np.ndarray | None = None, **parameters: Any
) -> Candidates:
    record = LAYOUTS[layout]
    head = Head(HEIGHT, WIDTH, checked_parameters(record, parameters), table)
    return record.decode(outputs, head)


def best(candidates: Candidates) -> tuple[list[float], float, int]:
    """Box, score and class of the highest score."""
    place = int(np.nanargmax(candidates.scores))
    box = [round(value, 3) for value in candidates.boxes[place].tolist()]
    return box, round(float(candidates.scores[place]), 3), int(candidates.classes[place])


def logit(share: float) -> float:
    return float(np.log(share / (1 - share)))


# --- SSD ---

ANCHORS = np.array([[0.5, 0.25, 0.25, 0.5], [0.1, 0.1, 0.1, 0.1]], np.float32)
#: Centre at (32, 8) + (0.1 * 1 * 16, 0) = (33.6, 8); width 16 * exp(0.2 * 1), height 16.
CODES = np.array([[1, 0, 1, 0], [0, 0, 0, 0]], np.float32)
SCORES = np.array([[0.1, 0.2, 0.7], [0.9, 0.1, 0.0]], np.float32)
HALF = 8 * np.exp(0.2)
SSD_BOX = [round(33.6 - HALF, 3), 0.0, round(33.6 + HALF, 3), 16.0]


@pytest.mark.parametrize(
    ("codes", "anchors", "parameters"),
    [
        pytest.param(CODES, ANCHORS, {}, id="xywh"),
        pytest.param(CODES[:, np.newaxis], ANCHORS, {}, id="axis-of-one-class"),
        pytest.param(CODES[:, [1, 0, 3, 2]], ANCHORS, {"box_order": "yxhw"}, id="codes-yxhw"),
        pytest.param(CODES, ANCHORS[:, [1, 0, 3, 2]], {"anchor_order": "yxhw"}, id="anchors-yxhw"),
        pytest.param(
            CODES,
            np.concatenate([ANCHORS[:, :2] - ANCHORS[:, 2:] / 2, ANCHORS[:, :2] + ANCHORS[:, 2:] / 2], 1),
            {"anchor_order": "xyxy"},
            id="anchors-corners",
        ),
        pytest.param(CODES, ANCHORS * np.array([64, 32, 64, 32]), {"coordinates": "pixels"}, id="anchors-in-pixels"),
        pytest.param(CODES / 2, ANCHORS, {"variances": (0.2, 0.2, 0.4, 0.4)}, id="variances"),
    ],
)
def test_ssd(codes: np.ndarray, anchors: np.ndarray, parameters: Mapping[str, Any]) -> None:
    assert best(decode("ssd", [codes, SCORES], anchors, **parameters)) == (SSD_BOX, 0.7, 1)


@pytest.mark.parametrize(
    ("background", "scores", "expected"),
    [
        pytest.param("first", SCORES, (0.7, 1), id="first"),
        pytest.param("last", SCORES[:, [1, 2, 0]], (0.7, 1), id="last"),
        pytest.param("none", SCORES, (0.9, 0), id="none"),
    ],
)
def test_ssd_without_its_background(background: str, scores: np.ndarray, expected: tuple[float, int]) -> None:
    found = decode("ssd", [CODES, scores], ANCHORS, background=background)
    assert best(found)[1:] == expected
    assert found.class_count == (3 if background == "none" else 2)


@pytest.mark.parametrize(
    ("activation", "logits", "score"),
    [
        # exp(2) / (exp(2) + 2 * exp(0))
        pytest.param("softmax", [0, 0, 2], 0.787, id="softmax"),
        pytest.param("sigmoid", [9, 0, 2], 0.881, id="sigmoid"),
    ],
)
def test_ssd_from_logits(activation: str, logits: list[float], score: float) -> None:
    scores = np.array([logits, [5, -5, -5]], np.float32)
    assert best(decode("ssd", [CODES, scores], ANCHORS, activation=activation))[1:] == (score, 1)


def test_logits_without_an_activation_are_an_error() -> None:
    with pytest.raises(TensorMismatchError, match="not probabilities") as caught:
        decode("ssd", [CODES, SCORES * 10], ANCHORS)
    assert "activation" in caught.value.next_step


# --- YOLO ---


def v8_rows(count: int = sum(CELLS), row: int = 5) -> np.ndarray:
    """Rows of x, y, width, height and two classes; one box of 16 × 8 around (20, 10), class 1."""
    rows = np.zeros((count, 6), np.float32)
    rows[row] = [20, 10, 16, 8, 0.1, 0.8]
    return rows


BOX = [12.0, 6.0, 28.0, 14.0]
NORMALIZED = np.array([1 / 64, 1 / 32, 1 / 64, 1 / 32, 1, 1], np.float32)


@pytest.mark.parametrize(
    ("outputs", "coordinates"),
    [
        pytest.param([v8_rows()], "pixels", id="rows"),
        pytest.param([v8_rows().T], "pixels", id="values-first"),
        pytest.param([v8_rows() * NORMALIZED], "normalized", id="normalized"),
        pytest.param([v8_rows()[:, :4], v8_rows()[:, 4:]], "pixels", id="boxes-and-classes"),
        pytest.param([v8_rows()[:, :4].T, v8_rows()[:, 4:].T], "pixels", id="boxes-and-classes-values-first"),
    ],
)
def test_yolo_v8(outputs: list[np.ndarray], coordinates: str) -> None:
    assert best(decode("yolov8", outputs, coordinates=coordinates)) == (BOX, 0.8, 1)


def v8_raw_rows() -> np.ndarray:
    """Distributions of four bins; in row 2, column 3 of the second grid: 1, 0, 2 and 1.5 cells of 16 pixels."""
    rows = np.full((sum(CELLS), 4 * 4 + 2), -20, np.float32)
    own = rows[CELLS[0] + 1 * 4 + 3]
    for edge, bins in enumerate(([1], [0], [2], [1, 2])):
        own[edge * 4 + np.array(bins)] = 20
    own[-1] = logit(0.75)
    return rows


def parts(rows: np.ndarray) -> list[np.ndarray]:
    return np.split(rows, np.cumsum(CELLS)[:-1])


# The centre of the cell is (3.5, 1.5) cells.
RAW_BOX = [40.0, 24.0, 88.0, 48.0]


@pytest.mark.parametrize(
    "outputs",
    [
        pytest.param([v8_raw_rows()], id="rows"),
        pytest.param([v8_raw_rows().T], id="values-first"),
        pytest.param([v8_raw_rows()[:, :16], v8_raw_rows()[:, 16:]], id="boxes-and-classes"),
        pytest.param([part.reshape(*grid, -1) for part, grid in zip(parts(v8_raw_rows()), GRIDS)], id="maps"),
        pytest.param(
            [part.T.reshape(-1, *grid) for part, grid in zip(parts(v8_raw_rows()), GRIDS)][::-1],
            id="maps-channels-first-any-order",
        ),
    ],
)
def test_yolo_v8_from_distributions(outputs: list[np.ndarray]) -> None:
    assert best(decode("yolov8-raw", outputs, reg_max=4)) == (RAW_BOX, 0.75, 1)


def test_yolo_v5() -> None:
    rows = np.insert(v8_rows(3 * sum(CELLS)), 4, 0.5, axis=1)
    assert best(decode("yolov5", [rows], coordinates="pixels")) == (BOX, 0.4, 1)


def v5_maps() -> list[np.ndarray]:
    """Maps (anchors, height, width, values); the second anchor at row 1, column 2 of the second grid."""
    maps = [np.full((3, *grid, 7), -9, np.float32) for grid in GRIDS]
    # x: 2 * 0.5 - 0.5 + 2 = 2.5 cells, y: 2 * 0.75 - 0.5 + 1 = 2 cells; sizes: (2 * 0.5)² and (2 * 0.75)² anchors.
    maps[1][1, 1, 2] = [0, logit(0.75), 0, logit(0.75), logit(0.5), logit(0.2), logit(0.8)]
    return maps


# The anchor of stride 16 is 62 × 45; centre (40, 32), width 62, height 45 * 2.25.
V5_BOX = [9.0, -18.625, 71.0, 82.625]


@pytest.mark.parametrize(
    "outputs",
    [
        pytest.param(v5_maps(), id="anchors-first"),
        pytest.param([each.transpose(1, 2, 0, 3) for each in v5_maps()], id="anchors-third"),
        pytest.param(
            [each.transpose(1, 2, 0, 3).reshape(*each.shape[1:3], -1) for each in v5_maps()], id="channels-last"
        ),
        pytest.param(
            [each.transpose(0, 3, 1, 2).reshape(-1, *each.shape[1:3]) for each in v5_maps()], id="channels-first"
        ),
        pytest.param([np.concatenate([each.reshape(-1, 7) for each in v5_maps()])], id="rows"),
    ],
)
def test_yolo_v5_from_logits(outputs: list[np.ndarray]) -> None:
    assert best(decode("yolov5-raw", outputs)) == (V5_BOX, 0.4, 1)


def test_other_strides_and_anchors() -> None:
    outputs = [np.zeros((2, 2, 4, 6), np.float32)]
    found = decode("yolov5-raw", outputs, strides=(16,), anchors=(10, 20, 30, 40))
    # Logits of 0: the centre of the cell, and the anchor's size.
    assert found.boxes[0].tolist() == [3.0, -2.0, 13.0, 18.0]
    assert found.boxes[8].tolist() == [-7.0, -12.0, 23.0, 28.0]


# --- CenterNet ---


def center_net_maps() -> list[np.ndarray]:
    """On a grid of 8 × 16 cells of 4 pixels: a peak of class 1 at row 2, column 5, with a lower neighbour."""
    heat, size, offset = (np.zeros((8, 16, channels), np.float32) for channels in (2, 2, 2))
    heat[2, 5, 1], heat[2, 6, 1], heat[6, 9, 0] = 0.9, 0.8, 0.6
    size[2, 5], offset[2, 5] = (3, 2), (0.5, 0.25)
    return [heat, size, offset]


@pytest.mark.parametrize(
    ("outputs", "parameters"),
    [
        pytest.param(center_net_maps(), {}, id="channels-last"),
        pytest.param([np.moveaxis(each, -1, 0) for each in center_net_maps()], {}, id="channels-first"),
        pytest.param(
            [center_net_maps()[0], *(each[..., ::-1] for each in center_net_maps()[1:])], {"order": "yx"}, id="yx"
        ),
        pytest.param(
            [center_net_maps()[0], center_net_maps()[1] * 4, center_net_maps()[2]], {"size_unit": "pixels"}, id="pixels"
        ),
    ],
)
def test_center_net(outputs: list[np.ndarray], parameters: Mapping[str, Any]) -> None:
    found = decode("centernet", outputs, **parameters)
    # Centre (5.5, 2.25) cells, size 3 × 2 cells.
    assert best(found) == ([16.0, 5.0, 28.0, 13.0], 0.9, 1)
    assert [score for score in found.scores.tolist() if score > 0] == pytest.approx([0.9, 0.6])


def test_nan_in_a_heatmap_hides_no_other_peak() -> None:
    heat, size, offset = center_net_maps()
    heat[1, 4, 1] = np.nan
    assert best(decode("centernet", [heat, size, offset]))[1:] == (0.9, 1)


# --- TFLite_Detection_PostProcess ---

POSTPROCESS = [
    np.array([[0.25, 0.5, 0.75, 1.0], [0, 0, 0, 0]], np.float32),
    np.array([1, 7], np.float32),
    np.array([0.6, 0.0], np.float32),
]


@pytest.mark.parametrize(
    ("count", "expected"), [(1, 1), (2, 2), (0, 0), (-3, 0), (1e9, 2), (np.nan, 0), (np.inf, 0)], ids=str
)
def test_postprocess_uses_as_many_rows_as_there_are(count: float, expected: int) -> None:
    found = decode("tflite-postprocess", [*POSTPROCESS, np.array([count], np.float32)])
    assert len(found.boxes) == expected
    if expected:
        assert best(found) == ([32.0, 8.0, 64.0, 24.0], 0.6, 1)


@pytest.mark.parametrize("number", [np.nan, np.inf, -1.0, 1e20], ids=str)
def test_postprocess_drops_impossible_classes(number: float) -> None:
    classes = np.array([number, 1], np.float32)
    found = decode("tflite-postprocess", [POSTPROCESS[0], classes, POSTPROCESS[2], np.array(2, np.float32)])
    assert np.isnan(found.scores[0])


# --- hostile ---


@pytest.mark.parametrize(
    ("layout", "shapes"),
    [
        pytest.param("ssd", [(3, 4), (3, 2)], id="ssd-other-anchors"),
        pytest.param("ssd", [(2, 4), (2, 1)], id="ssd-background-only"),
        pytest.param("ssd", [(2, 4), (2,)], id="ssd-scores-of-one-axis"),
        pytest.param("yolov8", [(41, 6)], id="v8-other-count"),
        pytest.param("yolov8", [(42, 4)], id="v8-no-classes"),
        pytest.param("yolov8", [()], id="v8-scalar"),
        pytest.param("yolov8", [(4, 8, 6), (2, 4, 6), (1, 2, 7)], id="v8-levels-differ"),
        pytest.param("yolov5-raw", [(4, 8, 7)], id="v5-one-level-of-three"),
        pytest.param("centernet", [(8, 16, 2), (8, 16, 3), (8, 16, 2)], id="centernet-three-sizes"),
        pytest.param("centernet", [(2,), (2,), (2,)], id="centernet-rows"),
        pytest.param("tflite-postprocess", [(2, 4), (3,), (2,), (1,)], id="postprocess-lengths"),
        pytest.param("tflite-postprocess", [(2, 4), (2,), (2, 2), (1,)], id="postprocess-axes"),
    ],
)
def test_wrong_shapes_are_an_error(layout: str, shapes: list[tuple[int, ...]]) -> None:
    given = {"coordinates": "pixels"} if layout == "yolov8" else {}
    with pytest.raises(TensorMismatchError, match="head layout"):
        decode(layout, [np.zeros(shape, np.float32) for shape in shapes], ANCHORS, **given)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 3e38, -3e38], ids=str)
@pytest.mark.parametrize(
    ("layout", "shapes"),
    [
        ("ssd", [(2, 4), (2, 3)]),
        ("yolov8-raw", [(42, 66)]),
        ("yolov5-raw", [(126, 7)]),
        ("centernet", [(8, 16, 2), (8, 16, 2), (8, 16, 2)]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_hostile_values_give_no_error_but_boxes_that_are_dropped(
    layout: str, shapes: list[tuple[int, ...]], value: float
) -> None:
    outputs = [np.full(shape, value, np.float32) for shape in shapes]
    options = {"activation": "sigmoid"} if layout in ("ssd", "centernet") else {}
    with np.errstate(invalid="ignore", over="ignore"):
        found = decode(layout, outputs, ANCHORS, **options)
    scores = found.scores[np.isfinite(found.scores)]
    assert ((scores >= 0) & (scores <= 1)).all()
