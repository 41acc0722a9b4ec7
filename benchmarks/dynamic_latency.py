"""Latency of ``--quantize dynamic`` against the better of TensorFlow's own dynamic file and float32, on one thread.

``python benchmarks/dynamic_latency.py [--json]``: small untrained models of the kinds in which int8 weights with float
activations are slower than floats: depthwise convolutions, squeeze-excite, transposed convolutions, small dense layers.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from ratios import Ratio, report, row, time_in_turn

from edgekit_converters.lowering import LoweringRequest, lower
from edgekit_converters.quantization.modes import Mode
from edgekit_converters.quantization.quantize import quantize
from edgekit_runtime.execution.interpreter import choose_interpreter
from edgekit_runtime.tflite.structure import read_model_description

INVOKES = 200
ROUNDS = 15
#: What the project promises: the largest ratio to the better of the two.
TARGET = 1.05
NAMES = ("depthwise", "wide depthwise", "squeeze-excite", "transposed convolutions", "attention", "reference CNN")

MAKE_MODELS = """
import sys
import keras, tensorflow as tf
from keras import layers
from edgekit.training.reference_cnn import build

def depthwise(widths):
    outputs = inputs = layers.Input((28, 28, 1))
    outputs = layers.Conv2D(widths[0], 3, padding="same", strides=2, activation="relu")(outputs)
    for width in widths:
        outputs = layers.DepthwiseConv2D(3, padding="same", activation="relu")(outputs)
        outputs = layers.Conv2D(width, 1, activation="relu")(outputs)
    return keras.Model(inputs, layers.Dense(10)(layers.GlobalAveragePooling2D()(outputs)))

def squeeze_excite():
    inputs = layers.Input((28, 28, 1))
    outputs = layers.Conv2D(16, 3, strides=2, padding="same", activation="hard_swish")(inputs)
    for wide, narrow, stride in ((32, 16, 1), (64, 24, 2), (96, 24, 1), (96, 40, 2), (128, 40, 1)):
        expanded = layers.Conv2D(wide, 1, activation="hard_swish")(outputs)
        expanded = layers.DepthwiseConv2D(3, strides=stride, padding="same", activation="hard_swish")(expanded)
        gate = layers.Conv2D(wide // 4, 1, activation="relu")(layers.GlobalAveragePooling2D(keepdims=True)(expanded))
        gate = layers.Conv2D(wide, 1, activation="hard_sigmoid")(gate)
        outputs = layers.Conv2D(narrow, 1)(layers.Multiply()([expanded, gate]))
    return keras.Model(inputs, layers.Dense(10)(layers.GlobalAveragePooling2D()(outputs)))

def transposed():
    outputs = inputs = layers.Input((64, 3))
    for width in (16, 32, 64):
        outputs = layers.Conv1D(width, 5, strides=2, padding="same", activation="relu")(outputs)
    for width in (32, 16, 3):
        outputs = layers.Conv1DTranspose(width, 5, strides=2, padding="same")(outputs)
    return keras.Model(inputs, outputs)

def attention():
    inputs = layers.Input((32, 32))
    outputs = layers.LayerNormalization()(inputs + layers.MultiHeadAttention(4, 16)(inputs, inputs))
    outputs = outputs + layers.Dense(32)(layers.Dense(64, activation="relu")(outputs))
    return keras.Model(inputs, layers.Dense(10)(layers.GlobalAveragePooling1D()(outputs)))

models = (depthwise((16, 32, 64, 64, 128)), depthwise((32, 64, 128, 128, 256)), squeeze_excite(), transposed(),
          attention(), build((28, 28, 1), 10))
for number, model in enumerate(models):
    model.save(f"{sys.argv[1]}/{number}.keras")
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    open(f"{sys.argv[1]}/{number}.tflite", "wb").write(converter.convert())
"""


class Invoked:
    """A bare interpreter that invokes one input again and again."""

    def __init__(self, model: bytes) -> None:
        given = read_model_description(model).inputs[0]
        self._interpreter = choose_interpreter().create(model, num_threads=1)
        self._interpreter.set_tensor(given.index, np.zeros([max(size, 1) for size in given.shape], given.dtype))

    def __call__(self) -> None:
        for _ in range(INVOKES):
            self._interpreter.invoke()


def measured(name: str, source: Path, tensorflow_file: Path) -> Ratio:
    """Time ours against both, and return the ratio to the faster one."""
    float_model = lower(LoweringRequest(source)).model
    ours = Invoked(quantize(float_model, Mode.DYNAMIC).content)
    peers = {"TensorFlow's dynamic": tensorflow_file.read_bytes(), "float32": float_model.content}
    ratios = [
        time_in_turn(f"dynamic / {peer}, {name}", ours, Invoked(model), target=TARGET, runs=ROUNDS)
        for peer, model in peers.items()
    ]
    return max(ratios, key=lambda ratio: ratio.ratio)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-c", MAKE_MODELS, folder], check=True, capture_output=True)
        places = [(Path(folder) / f"{number}.keras", Path(folder) / f"{number}.tflite") for number in range(len(NAMES))]
        ratios = [measured(name, *place) for name, place in zip(NAMES, places, strict=True)]
    if "--json" in sys.argv[1:]:
        print(json.dumps([row(ratio) for ratio in ratios], indent=1))
    else:
        report(ratios)


if __name__ == "__main__":
    main()
