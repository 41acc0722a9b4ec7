"""Makes detectors and a segmenter whose outputs are the pixels of their image, so that tests choose the outputs.

    python tests/data/tflite/make_detectors.py

Each row of the 8 × 8 image is one box of ``ssd.tflite`` and ``detection_postprocess.tflite``: four codes,
pixel / 255 - 0.5, then scores, pixel / 255. ``mask.tflite`` turns bright pixels into the second of two classes.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

FOLDER = Path(__file__).resolve().parent
SIZE, CLASSES = 8, 2
IMAGE = tf.TensorSpec((1, SIZE, SIZE, 1), tf.float32, name="image")
#: Centres of the anchors in the diagonal, y before x as the operator wants them; all of one size.
ANCHORS = np.array([[(n + 0.5) / SIZE, (n + 0.5) / SIZE, 0.25, 0.25] for n in range(SIZE)], np.float32)
POSTPROCESS = (
    'name: "TFLite_Detection_PostProcess" attr { key: "max_detections" value { i: 5 } } '
    'attr { key: "max_classes_per_detection" value { i: 1 } } attr { key: "use_regular_nms" value { b: false } } '
    'attr { key: "nms_score_threshold" value { f: 0.1 } } attr { key: "nms_iou_threshold" value { f: 0.5 } } '
    'attr { key: "num_classes" value { i: 2 } } attr { key: "y_scale" value { f: 10.0 } } '
    'attr { key: "x_scale" value { f: 10.0 } } attr { key: "h_scale" value { f: 5.0 } } '
    'attr { key: "w_scale" value { f: 5.0 } }'
)


def rows(image: tf.Tensor, scores: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Codes (1, 8, 4) and scores (1, 8, scores)."""
    table = tf.reshape(image, (1, SIZE, SIZE))
    return table[:, :, :4] - 0.5, table[:, :, 4 : 4 + scores]


@tf.function(input_signature=[IMAGE])
def ssd(image: tf.Tensor) -> dict[str, tf.Tensor]:
    codes, scores = rows(image, CLASSES + 1)
    return {"codes": codes, "scores": scores}


@tf.function(input_signature=[IMAGE])
def mask(image: tf.Tensor) -> dict[str, tf.Tensor]:
    return {"mask": tf.nn.softmax(8 * tf.concat([0.5 - image, image - 0.5], axis=3))}


@tf.function(
    experimental_implements=POSTPROCESS,
    input_signature=[tf.TensorSpec((1, SIZE, 4)), tf.TensorSpec((1, SIZE, CLASSES + 1)), tf.TensorSpec((SIZE, 4))],
)
def postprocess(codes: tf.Tensor, scores: tf.Tensor, anchors: tf.Tensor) -> tuple[tf.Tensor, ...]:
    """Replaced by the operator; only the types of what it returns count, but constants would be folded."""
    zero = 0 * (tf.reduce_sum(codes) + tf.reduce_sum(scores) + tf.reduce_sum(anchors))
    return tf.zeros((1, 5, 4)) + zero, tf.zeros((1, 5)) + zero, tf.ones((1, 5)) + zero, tf.zeros((1,)) + zero


@tf.function(input_signature=[IMAGE])
def detection_postprocess(image: tf.Tensor) -> dict[str, tf.Tensor]:
    boxes, classes, scores, count = postprocess(*rows(image, CLASSES + 1), tf.constant(ANCHORS))
    # Signatures sort outputs by name, as those of published models do.
    return {"output_3": boxes, "output_2": classes, "output_1": scores, "output_0": count}


def save(name: str, function: Any) -> None:
    module = tf.Module()
    module.call = function
    with tempfile.TemporaryDirectory() as folder:
        # Only a SavedModel has a signature, which names the outputs.
        tf.saved_model.save(module, folder, signatures=function)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        converter.allow_custom_ops = True
        (FOLDER / f"{name}.tflite").write_bytes(converter.convert())


def main() -> None:
    for name, function in {"ssd": ssd, "mask": mask, "detection_postprocess": detection_postprocess}.items():
        save(name, function)


if __name__ == "__main__":
    main()
