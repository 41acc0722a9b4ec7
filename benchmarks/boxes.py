"""Decoding and suppression of boxes against the invoke of a MobileNetV2 detector's backbone, one thread.

``python benchmarks/boxes.py [MODEL.tflite] [--json]``: without a model, an int8 MobileNetV2 of 320 × 320 pixels with
random weights is made, for which TensorFlow is needed.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from ratios import Ratio, report, time_in_turn

import edgekit_runtime
from edgekit_runtime.boxes.candidates import Candidates
from edgekit_runtime.boxes.decoding import checked_parameters
from edgekit_runtime.boxes.head import Head
from edgekit_runtime.boxes.layouts import LAYOUTS
from edgekit_runtime.boxes.suppression import suppress

ROUNDS = 31
#: In a process of its own: TensorFlow's threads and allocator stay out of the timings.
MAKE_MODEL = """
import sys
import keras
import edgekit

model = keras.applications.MobileNetV2((320, 320, 3), include_top=False, weights=None)
edgekit.convert(model, sys.argv[1], quantize="int8", random_calibration=True)
"""


def invoke(path: Path) -> Callable[[], None]:
    """One image through the model."""
    model = edgekit_runtime.load(path, num_interpreters=1)
    image = np.zeros((1, *model.inputs[0].shape[1:]), np.float32)
    return lambda: _discard(model.predict(image))


def _discard(_: object) -> None:
    return None


def suppression(count: int) -> Callable[[], None]:
    """Non-maximum suppression of ``count`` boxes of 80 classes in an image of 640 pixels, 100 of which are reported."""
    dice = np.random.default_rng(0)
    centres, sizes = dice.uniform(0, 640, (count, 2)), dice.uniform(10, 100, (count, 2))
    boxes = np.concatenate([centres - sizes / 2, centres + sizes / 2], axis=1).astype(np.float32)
    candidates = Candidates(boxes, dice.random(count).astype(np.float32), dice.integers(0, 80, count))
    return lambda: _discard(suppress(candidates, score_threshold=0.0, iou_threshold=0.45, max_detections=100))


def decoding() -> Callable[[], None]:
    """The 2,100 boxes of a YOLO v8 of 320 × 320 pixels and 80 classes, from distributions and logits."""
    layout = LAYOUTS["yolov8-raw"]
    head = Head(320, 320, checked_parameters(layout, {}))
    rows = np.random.default_rng(0).normal(0, 3, (2100, 64 + 80)).astype(np.float32)
    return lambda: _discard(layout.decode([rows], head))


def measure(path: Path) -> list[Ratio]:
    """The ratios."""
    peer = invoke(path)
    return [
        time_in_turn(f"{what} / one invoke of an int8 MobileNetV2, 320 × 320", ours, peer, target=None, runs=ROUNDS)
        for what, ours in (
            ("suppression of 1,000 boxes", suppression(1000)),
            ("suppression of 10,000 boxes", suppression(10_000)),
            ("decoding of YOLO v8's 2,100 boxes", decoding()),
        )
    ]


def main() -> None:
    """Measure and print."""
    given = [argument for argument in sys.argv[1:] if not argument.startswith("--")]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(given[0]) if given else Path(folder, "mobilenet.tflite")
        if not given:
            subprocess.run([sys.executable, "-c", MAKE_MODEL, str(path)], check=True, capture_output=True)
        report(measure(path))


if __name__ == "__main__":
    main()
