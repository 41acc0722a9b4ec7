from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgekit_runtime
from edgekit_runtime.boxes.detector import to_image
from edgekit_runtime.errors import DataError, ModelFileError, TensorMismatchError, UsageError
from edgekit_runtime.inputs.resizing import RESIZE_MODES, placement


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        # An image of 40 × 20 (width × height) in an input of 10 × 10.
        pytest.param("stretch", [8, 4, 16, 16], id="stretch"),
        pytest.param("nearest", [8, 4, 16, 16], id="nearest"),
        # The middle 20 × 20 of the image: 2 pixels for one, from x = 10 on.
        pytest.param("crop", [14, 4, 18, 16], id="crop"),
        # The image takes 10 × 5 in the middle: 4 pixels for one, from y = 2 on (rounded down).
        pytest.param("pad", [8, 0, 16, 20], id="pad"),
        pytest.param("letterbox", [8, 0, 16, 20], id="letterbox"),
    ],
)
def test_boxes_are_in_pixels_of_the_image(mode: str, expected: list[float]) -> None:
    boxes = np.array([[2, 2, 4, 8]], np.float32)
    assert to_image(boxes, placement(20, 40, 10, 10, mode)).tolist() == [expected]


@pytest.mark.parametrize("mode", RESIZE_MODES)
def test_an_image_of_the_input_size_is_not_moved(mode: str) -> None:
    boxes = np.array([[1, 2, 3, 4.5], [-5, -5, 99, 99]], np.float32)
    assert to_image(boxes, placement(20, 40, 20, 40, mode)).tolist() == [[1, 2, 3, 4.5], [0, 0, 40, 20]]


@pytest.fixture(scope="module")
def detector(tflite_folder: Path) -> edgekit_runtime.Model:
    return edgekit_runtime.load(tflite_folder / "detection_postprocess.tflite", labels=["cat", "dog"])


def image_with(**pixels: int) -> np.ndarray:
    """An image of the detector: codes of almost 0 everywhere, and scores such as r2c6=200 (row 2, column 6)."""
    image = np.zeros((8, 8), np.uint8)
    image[:, :4] = 128
    for place, value in pixels.items():
        image[int(place[1]), int(place[3])] = value
    return image


def test_the_operator_needs_no_declaration(detector: edgekit_runtime.Model) -> None:
    first, second = detector.detect(image_with(r2c6=200, r5c5=250))
    assert (first.label, first.index, first.score) == ("cat", 0, pytest.approx(250 / 255))
    # The anchor in row 5: centre 5.5 and size 2, moved by a code of 128 / 255 - 0.5 = 0.002.
    assert first.box == pytest.approx((4.5, 4.5, 6.5, 6.5), abs=0.01)
    assert (second.label, second.index) == ("dog", 1)
    assert second.box == pytest.approx((1.5, 1.5, 3.5, 3.5), abs=0.01)
    assert first.to_dict()["box"]["x_max"] == first.box.x_max


def test_options(detector: edgekit_runtime.Model) -> None:
    image = image_with(r2c6=200, r5c5=250)
    assert [found.index for found in detector.detect(image, score_threshold=0.9)] == [0]
    assert [found.index for found in detector.detect(image, max_detections=1)] == [0]
    assert detector.detect(image_with()) == []


def test_an_image_of_another_size(detector: edgekit_runtime.Model) -> None:
    large = np.kron(image_with(r5c5=250), np.ones((8, 4), np.uint8))
    (found,) = detector.detect(large)
    assert found.box == pytest.approx((18, 36, 26, 52), abs=1)


@pytest.mark.parametrize(
    "options",
    [
        {"score_threshold": -0.1},
        {"score_threshold": float("nan")},
        {"iou_threshold": 1.1},
        {"iou_threshold": "0.5"},
        {"max_detections": 0},
        {"max_detections": 2.0},
        {"max_detections": 10**9},
    ],
    ids=str,
)
def test_options_out_of_range(detector: edgekit_runtime.Model, options: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=next(iter(options))):
        detector.detect(image_with(), **options)


@pytest.mark.parametrize(
    ("image", "error"),
    [
        pytest.param(np.zeros((2, 8, 8, 1), np.uint8), TensorMismatchError, id="two-images"),
        pytest.param(np.zeros((8, 8, 5), np.uint8), TensorMismatchError, id="five-channels"),
        pytest.param(np.zeros((0, 8), np.uint8), TensorMismatchError, id="no-rows"),
        pytest.param(np.zeros((8, 8), np.float32), TensorMismatchError, id="floats"),
        pytest.param("missing.png", DataError, id="missing-file"),
        pytest.param(None, TensorMismatchError, id="none"),
    ],
)
def test_what_is_not_one_image(detector: edgekit_runtime.Model, image: Any, error: type[Exception]) -> None:
    if isinstance(image, str):
        pytest.importorskip("PIL", reason="Pillow is not installed")
    with pytest.raises(error):
        detector.detect(image)


def test_models_that_detect_nothing(tflite_folder: Path) -> None:
    with pytest.raises(ModelFileError, match="does not say how its outputs become boxes"):
        edgekit_runtime.load(tflite_folder / "ssd.tflite").detect(image_with())
    with pytest.raises(TensorMismatchError, match="does not turn an image into boxes"):
        edgekit_runtime.load(tflite_folder / "custom_detection.tflite").detect(image_with())
    with pytest.raises(TensorMismatchError, match="does not turn an image into one mask"):
        edgekit_runtime.load(tflite_folder / "ssd.tflite").segment(image_with())
