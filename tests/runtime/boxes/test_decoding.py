from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from edgekit_runtime.boxes.decoding import (
    BoxDecoding,
    checked_anchors,
    checked_parameters,
    output_names,
    packed_anchors,
    packed_decoding,
    read_anchors,
)
from edgekit_runtime.boxes.layouts import LAYOUTS
from edgekit_runtime.errors import ModelFileError, UsageError
from edgekit_runtime.tensor_info import TensorInfo
from edgekit_runtime.tflite.structure import read_model_description

SSD = {"layout": "ssd", "outputs": ["codes", "scores"]}


def infos(**shapes: tuple[int, ...]) -> list[TensorInfo]:
    return [TensorInfo(name, shape, np.dtype(np.float32), None, n) for n, (name, shape) in enumerate(shapes.items())]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_record_survives_json(layout: str) -> None:
    record = LAYOUTS[layout]
    given = {"coordinates": "pixels"} if layout in ("yolov5", "yolov8") else {}
    outputs = tuple(record.roles) or ("output",)
    decoding = BoxDecoding(layout, outputs, checked_parameters(record, given))
    assert BoxDecoding.from_dict(json.loads(json.dumps(decoding.to_dict()))) == decoding


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        pytest.param([], "not a JSON object", id="list"),
        pytest.param({}, "no such head layout", id="empty"),
        pytest.param({**SSD, "layout": ["ssd"]}, "no such head layout", id="layout-list"),
        pytest.param({**SSD, "layout": "yolov99"}, "no such head layout", id="layout-unknown"),
        pytest.param({"layout": "ssd"}, "outputs", id="no-outputs"),
        pytest.param({**SSD, "outputs": "codes"}, "outputs", id="outputs-text"),
        pytest.param({**SSD, "outputs": ["codes"]}, "outputs", id="one-output"),
        pytest.param({**SSD, "outputs": ["codes", "codes"]}, "outputs", id="outputs-twice"),
        pytest.param({**SSD, "outputs": ["codes", 1]}, "outputs", id="output-number"),
        pytest.param({"layout": "yolov8", "outputs": ["o"] * 10**5}, "outputs", id="many-outputs"),
        pytest.param({"layout": "yolov8", "outputs": ["o"]}, "coordinates", id="required-parameter"),
        pytest.param({**SSD, "colour": "red"}, "no parameter 'colour'", id="unknown-parameter"),
        pytest.param({**SSD, "variances": [0.1, 0.1, 0.2]}, "variances", id="three-variances"),
        pytest.param({**SSD, "variances": [0.1, 0.1, 0.2, "x"]}, "variances", id="variance-text"),
        pytest.param({**SSD, "variances": [0.1, 0.1, 0.2, 1e400]}, "variances", id="variance-infinite"),
        pytest.param({**SSD, "variances": [0.1, 0.1, 0.2, 10**400]}, "variances", id="variance-huge"),
        pytest.param({**SSD, "variances": [True] * 4}, "variances", id="variance-bool"),
        pytest.param({**SSD, "variances": {"a": 1}}, "variances", id="variances-object"),
        pytest.param({**SSD, "background": 1}, "background", id="choice-number"),
        pytest.param({"layout": "yolov8-raw", "outputs": ["o"], "reg_max": 10**9}, "reg_max", id="bins"),
        pytest.param({"layout": "yolov8-raw", "outputs": ["o"], "reg_max": 16.0}, "reg_max", id="bins-float"),
        pytest.param({"layout": "yolov8-raw", "outputs": ["o"], "strides": [0]}, "strides", id="stride-zero"),
        pytest.param({"layout": "yolov5-raw", "outputs": ["o"], "anchors": [1] * 10**6}, "anchors", id="many-anchors"),
    ],
)
def test_hostile_fields_are_refused(fields: Any, problem: str) -> None:
    with pytest.raises(UsageError, match=problem):
        BoxDecoding.from_dict(fields)


def test_a_damaged_record_in_a_file_is_a_damaged_file(tflite_folder: Any) -> None:
    description = read_model_description((tflite_folder / "ssd.tflite").read_bytes())
    outputs = infos(codes=(1, 8, 4), scores=(1, 8, 3))
    with pytest.raises(ModelFileError, match="damaged"):
        packed_decoding({"boxes": {"layout": "?"}}, description, outputs)
    with pytest.raises(ModelFileError, match="another model") as caught:
        packed_decoding({"boxes": {**SSD, "outputs": ["codes", "lost"]}}, description, outputs)
    assert "'lost'" in caught.value.received
    with pytest.raises(ModelFileError, match="does not say") as caught:
        packed_decoding({}, description, outputs)
    assert "--boxes" in caught.value.next_step


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param({"variances": "0.1,0.1;0.2,0.2"}, (0.1, 0.1, 0.2, 0.2), id="numbers"),
        pytest.param({}, (0.1, 0.1, 0.2, 0.2), id="default"),
    ],
)
def test_parameters_from_a_command_line(text: dict[str, str], expected: tuple[float, ...]) -> None:
    assert checked_parameters(LAYOUTS["ssd"], text)["variances"] == expected


def test_a_whole_number_from_a_command_line() -> None:
    assert checked_parameters(LAYOUTS["yolov8-raw"], {"reg_max": "32"})["reg_max"] == 32
    with pytest.raises(UsageError, match="reg_max"):
        checked_parameters(LAYOUTS["yolov8-raw"], {"reg_max": "٣٢"})


@pytest.mark.parametrize(
    ("layout", "outputs", "expected"),
    [
        pytest.param("ssd", infos(b=(1, 8, 4), s=(1, 8, 3)), ("b", "s"), id="ssd"),
        pytest.param("ssd", infos(s=(1, 8, 3), b=(1, 8, 1, 4)), ("b", "s"), id="ssd-any-order"),
        pytest.param("yolov8", infos(a=(1, 6, 42), b=(1, 3)), ("a", "b"), id="yolo-all"),
        pytest.param(
            "centernet",
            infos(wh=(1, 8, 8, 2), reg=(1, 8, 8, 2), hm=(1, 8, 8, 2)),
            ("hm", "wh", "reg"),
            id="centernet-names",
        ),
    ],
)
def test_finds_the_output_of_each_role(layout: str, outputs: list[TensorInfo], expected: tuple[str, ...]) -> None:
    assert output_names(LAYOUTS[layout], outputs, anchor_count=8) == expected


@pytest.mark.parametrize(
    ("layout", "outputs", "named"),
    [
        # Three classes and a background: boxes and scores have one shape.
        pytest.param("ssd", infos(a=(1, 8, 4), b=(1, 8, 4)), (), id="ssd-equal-shapes"),
        pytest.param("ssd", infos(a=(1, 9, 4), b=(1, 9, 3)), (), id="ssd-other-anchor-count"),
        pytest.param("centernet", infos(a=(1, 8, 8, 2), b=(1, 8, 8, 2), c=(1, 8, 8, 2)), (), id="centernet-no-names"),
        pytest.param("ssd", infos(a=(1, 8, 4), b=(1, 8, 4)), ("a",), id="one-name"),
        pytest.param("ssd", infos(a=(1, 8, 4), b=(1, 8, 4)), ("a", "x"), id="unknown-name"),
        pytest.param("yolov8", infos(a=(1, 6, 42)), ("a", "a"), id="name-twice"),
    ],
)
def test_unclear_outputs_are_an_error(layout: str, outputs: list[TensorInfo], named: tuple[str, ...]) -> None:
    with pytest.raises(UsageError, match="not clear which outputs") as caught:
        output_names(LAYOUTS[layout], outputs, named, anchor_count=8)
    assert "outputs=" in caught.value.next_step


def test_named_outputs() -> None:
    outputs = infos(a=(1, 8, 4), b=(1, 8, 4))
    assert output_names(LAYOUTS["ssd"], outputs, ("b", "a"), anchor_count=8) == ("b", "a")


def test_an_anchor_table_survives_packing() -> None:
    anchors = np.arange(12).reshape(3, 4)
    assert read_anchors(packed_anchors(anchors)).tolist() == anchors.tolist()
    assert read_anchors(packed_anchors(anchors)).dtype == np.float32


@pytest.mark.parametrize(
    "anchors",
    [
        pytest.param(np.zeros((3, 5)), id="five-columns"),
        pytest.param(np.zeros(4), id="one-axis"),
        pytest.param(np.zeros((0, 4)), id="empty"),
        pytest.param(np.full((1, 4), np.nan), id="nan"),
        pytest.param(np.full((1, 4), 1e300), id="beyond-float32"),
        pytest.param(np.zeros((200_001, 4), np.float32), id="too-many"),
        pytest.param(np.array([["a"] * 4]), id="text"),
    ],
)
def test_bad_anchor_tables_are_refused(anchors: np.ndarray) -> None:
    with pytest.raises(UsageError, match="anchor table"):
        checked_anchors(anchors)


HEADER = b"\x93NUMPY\x01\x00v\x00{'descr': '<f4', 'fortran_order': False, 'shape': (%d, 4), }"


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="missing"),
        pytest.param(b"PK\x03\x04", id="zip"),
        pytest.param(b"\x93NUMPY\x01\x00\xff\xff", id="cut"),
        pytest.param((HEADER % 10**12).ljust(127) + b"\n", id="huge-shape"),
        pytest.param((HEADER % 10**3).ljust(127) + b"\n" + bytes(16), id="fewer-rows-than-stated"),
        pytest.param(packed_anchors(np.ones((3, 4)))[:-1], id="last-byte-missing"),
    ],
)
def test_damaged_anchor_tables_are_an_error(content: bytes) -> None:
    with pytest.raises(ModelFileError, match="missing or damaged"):
        read_anchors(content)
