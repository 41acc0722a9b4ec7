"""Labels that are not class numbers are left to whoever judges by them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import edgekit_runtime
from edgekit.calibration.plausibility import Plausibility, examine
from edgekit_runtime.task import CLASSES, USER, Kind, Task

TFLITE = Path(__file__).resolve().parents[2] / "data" / "tflite"


def test_several_labels_an_example_are_not_compared_with_one_class() -> None:
    model = edgekit_runtime.load(TFLITE / "cnn_int8_io_float32.tflite")
    with np.load(TFLITE / "cnn.npz") as arrays:
        inputs, several = {model.inputs[0].name: arrays["image"]}, np.ones_like(arrays["probabilities"], np.int64)
    task = Task({}, {model.outputs[0].name: Kind(CLASSES, USER)})
    assert examine(model, inputs, several, task=task, pixel_ranges={}) == Plausibility()
    assert examine(model, inputs, several[:, 0], task=task, pixel_ranges={}) != Plausibility()
