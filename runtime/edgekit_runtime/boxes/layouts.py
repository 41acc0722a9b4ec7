"""Registry of head layouts: one record for each way in which detectors give boxes.

A layout has parameters, roles of the model's outputs, and a function that decodes the outputs for one image. The
choices and help of ``--boxes`` and the table of the documentation are made from the records. Help texts read them, so
this module imports nothing heavy: a decoder is imported when it is first used.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from edgekit_runtime.boxes.parameters import Parameter, one_of, positive_numbers, whole_number

if TYPE_CHECKING:
    import numpy as np

    from edgekit_runtime.boxes.candidates import Candidates
    from edgekit_runtime.boxes.head import Head

POSTPROCESS = "tflite-postprocess"


class HeadLayout(NamedTuple):
    """A way in which detectors give boxes.

    Attributes:
        name: Its name in the manifest and for ``--boxes``.
        meaning: Short description, for help texts.
        roles: What each output is, in the order in which the decoder takes them; empty if any number of outputs share
            one role.
        decoder: Module and name of the function behind :meth:`decode`.
        parameters: Its parameters.
        has_anchor_table: Whether it needs a table with one anchor per box.
        is_suppressed: Whether the model itself removes overlapping boxes.
    """

    name: str
    meaning: str
    roles: tuple[str, ...]
    decoder: str
    parameters: tuple[Parameter, ...] = ()
    has_anchor_table: bool = False
    is_suppressed: bool = False

    def decode(self, outputs: Sequence[np.ndarray], head: Head) -> Candidates:
        """Decode the outputs for one image.

        Args:
            outputs: Real values of each output without the batch axis, in the order of the roles.
            head: Input size, parameters and anchors.
        Raises:
            TensorMismatchError: The shapes are not those of the layout, or scores are not probabilities.
        """
        module, _, name = self.decoder.partition(":")
        decode: Callable[[Sequence[np.ndarray], Head], Candidates]
        decode = getattr(importlib.import_module(f"edgekit_runtime.boxes.{module}"), name)
        return decode(outputs, head)


def _choice(name: str, meaning: str, *choices: str, default: str | None = None) -> Parameter:
    return Parameter(name, f"{meaning}: {', '.join(choices)}", one_of(*choices), default)


_STRIDES = Parameter("strides", "input pixels per cell of each grid", positive_numbers(1, 8), (8.0, 16.0, 32.0))
#: Files exported by Ultralytics are normalized, their models in PyTorch and ONNX are not.
_YOLO_COORDINATES = _choice("coordinates", "unit of the boxes, the input's size or its pixels", "normalized", "pixels")
#: Source: ``yolov5s.yaml``.
_V5_ANCHORS = (10, 13, 16, 30, 33, 23, 30, 61, 62, 45, 59, 119, 116, 90, 156, 198, 373, 326)
_VARIANCES = (0.1, 0.1, 0.2, 0.2)

_RECORDS = (
    HeadLayout(
        "ssd",
        "SSD: codes of boxes relative to anchors, and scores",
        ("boxes", "scores"),
        "ssd:decode_ssd",
        (
            Parameter("variances", "scales of the codes of x, y, width and height", positive_numbers(4, 4), _VARIANCES),
            _choice("box_order", "order of a code", "xywh", "yxhw", default="xywh"),
            _choice(
                "anchor_order",
                "order of an anchor, centre and size or corners",
                *("xywh", "yxhw", "xyxy", "yxyx"),
                default="xywh",
            ),
            _choice(
                "coordinates",
                "unit of the anchors, the input's size or its pixels",
                *("normalized", "pixels"),
                default="normalized",
            ),
            _choice("background", "which score is the background's", "first", "last", "none", default="first"),
            _choice("activation", "makes scores probabilities", "softmax", "sigmoid", "none", default="none"),
        ),
        has_anchor_table=True,
    ),
    HeadLayout(
        "yolov5",
        "YOLO v5 with decoded boxes: x, y, width, height, object, classes",
        (),
        "yolo:decode_v5",
        (_YOLO_COORDINATES, _STRIDES),
    ),
    HeadLayout(
        "yolov5-raw",
        "YOLO v5 before decoding: logits relative to grid and anchors",
        (),
        "yolo:decode_v5_raw",
        (
            _STRIDES,
            Parameter(
                "anchors",
                "width and height of each anchor in pixels, by stride",
                positive_numbers(2),
                tuple(map(float, _V5_ANCHORS)),
            ),
        ),
    ),
    HeadLayout(
        "yolov8",
        "YOLO v8, v9 or v11 with decoded boxes: x, y, width, height, classes",
        (),
        "yolo:decode_v8",
        (_YOLO_COORDINATES, _STRIDES),
    ),
    HeadLayout(
        "yolov8-raw",
        "YOLO v8, v9 or v11 before decoding: distributions of the distances to the edges, logits of classes",
        (),
        "yolo:decode_v8_raw",
        (_STRIDES, Parameter("reg_max", "bins of each distribution", whole_number(2, 256), 16)),
    ),
    HeadLayout(
        "centernet",
        "CenterNet: a heatmap of centres, sizes, and offsets of the centres",
        ("heatmap", "size", "offset"),
        "center_net:decode_center_net",
        (
            _choice("activation", "makes the heatmap probabilities", "sigmoid", "none", default="none"),
            _choice(
                "size_unit",
                "unit of the sizes, cells of the map or the input's pixels",
                "cells",
                "pixels",
                default="cells",
            ),
            _choice("order", "order of sizes and offsets", "xy", "yx", default="xy"),
        ),
    ),
    HeadLayout(
        POSTPROCESS,
        "the operator TFLite_Detection_PostProcess, recognized without --boxes",
        ("boxes", "classes", "scores", "count"),
        "detection_postprocess:decode_detection_postprocess",
        is_suppressed=True,
    ),
)
#: Every head layout by name.
LAYOUTS: Mapping[str, HeadLayout] = MappingProxyType({layout.name: layout for layout in _RECORDS})
