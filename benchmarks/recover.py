"""``edgekit convert --recover``: the drop of top-1 before and after fine-tuning, and how long it takes.

``python benchmarks/recover.py DIGITS.npz [NAME…]``: int4 of the reference CNN, a MobileNet-like model and a GRU that
reads the rows of a digit, trained on 28 × 28 images ``x`` with classes ``y``; and int8 of models in
``tests/integration/hostile_models.py``. Without names, all of them. Each model is judged on examples that neither its
training nor its fine-tuning saw.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

import edgekit

sys.path.append(str(Path(__file__).resolve().parent.parent / "tests" / "integration"))

#: Number of examples that the models are trained on; the others are the data for edgekit.
TRAINED = 6_000
HOSTILE = ("sigmoid_chain", "swish_chain", "residual", "rare_outliers", "regression_head")

TRAIN = """
import sys
import numpy as np
import keras
from keras import layers
from edgekit.training.reference_cnn import build

def mobilenet():
    outputs = inputs = layers.Input((28, 28, 1))
    outputs = layers.Conv2D(16, 3, strides=2, padding="same", use_bias=False)(outputs)
    outputs = layers.ReLU(6.0)(layers.BatchNormalization()(outputs))
    for width, stride in ((32, 1), (64, 2), (64, 1), (128, 2), (128, 1)):
        outputs = layers.DepthwiseConv2D(3, strides=stride, padding="same", use_bias=False)(outputs)
        outputs = layers.ReLU(6.0)(layers.BatchNormalization()(outputs))
        outputs = layers.Conv2D(width, 1, use_bias=False)(outputs)
        outputs = layers.ReLU(6.0)(layers.BatchNormalization()(outputs))
    outputs = layers.GlobalAveragePooling2D()(outputs)
    return keras.Model(inputs, layers.Dense(10, activation="softmax")(outputs))

def gru():
    inputs = layers.Input((28, 28, 1))
    outputs = layers.GRU(64)(layers.Reshape((28, 28))(inputs))
    return keras.Model(inputs, layers.Dense(10, activation="softmax")(outputs))

name, data, trained, output = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
keras.utils.set_random_seed(0)
model = {"reference": lambda: build((28, 28, 1), 10), "mobilenet": mobilenet, "gru": gru}[name]()
with np.load(data) as arrays:
    x, y = arrays["x"][:trained, ..., None].astype("float32") / 255, arrays["y"][:trained]
model.compile("adam", "sparse_categorical_crossentropy")
model.fit(x, y, epochs=4, verbose=0)
model.save(output)
"""


def of_digits(name: str, data: Path, folder: Path) -> tuple[Path, Path]:
    """Train a model on a part of the data, and write the rest, which edgekit gets."""
    model, given = folder / f"{name}.keras", folder / f"{name}.npz"
    command = [sys.executable, "-c", TRAIN, name, str(data), str(TRAINED), str(model)]
    subprocess.run(command, check=True, capture_output=True)
    with np.load(data) as arrays:
        x, y = arrays["x"][TRAINED:], arrays["y"][TRAINED:]
    np.savez(given, x=x[..., np.newaxis].astype(np.float32) / 255, y=y)
    return model, given


def of_hostile(name: str, folder: Path) -> tuple[Path, Path]:
    """Build a model that plain int8 breaks, with its data."""
    import hostile_models

    hostile = getattr(hostile_models, name)()
    hostile.keras_model.save(folder / f"{name}.keras")
    np.savez(folder / f"{name}.npz", x=hostile.inputs, y=hostile.targets)
    return folder / f"{name}.keras", folder / f"{name}.npz"


def measured(name: str, mode: str, make: Callable[[], tuple[Path, Path]], folder: Path) -> str:
    """A row of the table."""
    model, data = make()
    start = time.perf_counter()
    conversion = edgekit.convert(model, folder / "tuned.tflite", quantize=mode, data=str(data), recover=True)
    (recovery,) = conversion.recoveries
    seconds = time.perf_counter() - start
    drops = f"{100 * recovery.drop_before:.2f} | {100 * recovery.drop_after:.2f}"
    levels = f"{recovery.db_before:.1f} | {recovery.db_after:.1f}"
    used = "yes" if recovery.is_selected else "no"
    return f"| {name} | {mode} | {recovery.metric} | {drops} | {levels} | {used} | {seconds:.0f} |"


def main() -> None:
    data, names = Path(sys.argv[1]), sys.argv[2:]
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        rows = {name: ("int4", partial(of_digits, name, data, folder)) for name in ("reference", "mobilenet", "gru")}
        rows |= {name: ("int8", partial(of_hostile, name, folder)) for name in HOSTILE}
        print("| model | mode | metric | drop before | drop after | dB before | dB after | used | seconds in all |")
        print("|---|---|---|---|---|---|---|---|---|")
        for name in names or rows:
            print(measured(name, *rows[name], folder), flush=True)


if __name__ == "__main__":
    main()
