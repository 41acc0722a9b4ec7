"""The check of targets, held against the interpreters themselves.

Every mode of a set of models, trained for some seconds on scikit-learn's digits so that top-1 means something: either
the check refuses the file for a target, or the target's interpreter runs it with top-1 within one point of the float
model's. Each file runs in a process of its own, so that a crash is one file's failure. ``pytest -s`` prints the table.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from keras import Input, Model, Sequential, layers, optimizers, utils
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from edgekit.training.reference_cnn import build
from edgekit_converters.lowering.keras.model import lower_keras_model
from edgekit_converters.quantization.calibration import calibrate
from edgekit_converters.quantization.modes import Mode
from edgekit_converters.quantization.ranges import Ranges
from edgekit_converters.targets.adaptation import (
    TargetRefusalError,
    needs_fixed_batch,
    quantize_for_targets,
    require_mode,
)
from edgekit_converters.targets.check import check_targets
from edgekit_runtime.errors import UsageError
from edgekit_runtime.tflite.tflite_model import TfliteModel

TARGETS = ("litert", "tflite-runtime-2.14", "tflite-micro")
#: An absolute fraction of the test images.
LARGEST_DROP = 0.01
#: Four bits are too few for these weights, whatever runs them: LiteRT's answers are then what the file means.
LOST_TO_ROUNDING = {("separable_cnn", Mode.INT4)}

#: Run by the interpreter's own Python: top-1 of a model, as JSON.
RUN = """
import json, sys, numpy as np
target, model, data = sys.argv[1:]
with np.load(data) as arrays:
    x, y = arrays["x"], arrays["y"]
if target == "tflite-micro":
    from tflite_micro import runtime
    interpreter = runtime.Interpreter.from_file(model, arena_size=4_000_000)
    def answer(image):
        interpreter.set_input(image, 0)
        interpreter.invoke()
        return interpreter.get_output(0)
else:
    if target == "litert":
        from ai_edge_litert.interpreter import Interpreter
    else:
        from tflite_runtime.interpreter import Interpreter
    interpreter = Interpreter(model)
    interpreter.allocate_tensors()
    first, last = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]
    def answer(image):
        interpreter.set_tensor(first, image)
        interpreter.invoke()
        return interpreter.get_tensor(last)
print(json.dumps(float(np.mean([np.argmax(answer(x[i : i + 1])) == y[i] for i in range(len(x))]))))
"""


def reference_cnn() -> Model:
    return Sequential([Input((8, 8, 1)), layers.UpSampling2D(3, interpolation="bilinear"), build((24, 24, 1), 10)])


def separable_cnn() -> Model:
    return Sequential(
        [
            Input((8, 8, 1)),
            layers.Conv2D(16, 3, padding="same", use_bias=False),
            layers.BatchNormalization(momentum=0.9),
            layers.ReLU(6.0),
            layers.DepthwiseConv2D(3, padding="same"),
            layers.SeparableConv2D(48, 3, dilation_rate=2, padding="same", activation="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(10, activation="softmax"),
        ]
    )


def lstm() -> Model:
    return Sequential([Input((8, 8, 1)), layers.Reshape((8, 8)), layers.LSTM(64), layers.Dense(10, "softmax")])


def dense() -> Model:
    hidden = [layers.Dense(64, "relu"), layers.Dense(64, "tanh")]
    return Sequential([Input((8, 8, 1)), layers.Flatten(), *hidden, layers.Dense(10, "softmax")])


def branches() -> Model:
    image = Input((8, 8, 1))
    left = layers.Conv2D(16, 3, padding="same", activation="swish")(image)
    right = layers.Conv2D(16, 5, padding="same", activation="sigmoid")(image)
    total = layers.Add()([left, layers.Multiply()([left, right])])
    x = layers.Concatenate()([total, layers.MaxPooling2D(3, strides=1, padding="same")(left)])
    x = layers.PReLU(shared_axes=[1, 2])(x)
    x = layers.Subtract()([x, layers.UpSampling2D(interpolation="bilinear")(layers.AveragePooling2D(2)(x))])
    up = layers.Conv2DTranspose(8, 3, strides=2, padding="same", activation="relu")(layers.MaxPooling2D(2)(x))
    x = layers.LeakyReLU()(layers.Concatenate()([x, up]))
    x = layers.Conv2D(16, 3, strides=2, activation="elu")(layers.ZeroPadding2D()(x))
    return Model(image, layers.Dense(10, "softmax")(layers.Flatten()(x)))


def attention() -> Model:
    image = Input((8, 8, 1))
    x = layers.Dense(32)(layers.Reshape((8, 8))(image))
    x = layers.LayerNormalization()(layers.Add()([x, layers.MultiHeadAttention(2, 16)(x, x)]))
    x = layers.LayerNormalization()(layers.Add()([x, layers.Dense(32)(layers.Dense(64, "gelu")(x))]))
    return Model(image, layers.Dense(10, "softmax")(layers.Flatten()(x)))


MODELS: tuple[Callable[[], Model], ...] = (reference_cnn, separable_cnn, lstm, dense, branches, attention)


@dataclass
class Trained:
    """A model's float form, with an open batch and with a fixed one, and what it was trained and is tested on."""

    folder: Path
    open_batch: TfliteModel
    fixed_batch: TfliteModel
    samples: list[dict[str, np.ndarray]]
    tops: dict[TfliteModel, dict[str, float | str]] = field(default_factory=dict)
    ranges: dict[TfliteModel, Ranges] = field(default_factory=dict)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Trained]:
    digits = load_digits()
    images = (digits.images / 16).astype(np.float32)[..., None]
    x, x_test, y, y_test = train_test_split(
        images, digits.target, test_size=400, random_state=0, stratify=digits.target
    )
    models = {}
    for make in MODELS:
        utils.set_random_seed(0)
        model = make()
        model.compile(optimizers.Adam(3e-3), loss="sparse_categorical_crossentropy")
        model.fit(x, y, epochs=12, batch_size=32, verbose=0)
        folder = tmp_path_factory.mktemp(make.__name__)
        np.savez(folder / "data.npz", x=x_test, y=y_test)
        open_batch, fixed_batch = (
            lower_keras_model(model, name=make.__name__, fixed_batch=fixed)[0] for fixed in (False, True)
        )
        name = open_batch.description.signatures[0].inputs[0][0]
        models[make.__name__] = Trained(folder, open_batch, fixed_batch, [{name: x[i : i + 1]} for i in range(100)])
    return models


@pytest.fixture(scope="module")
def pythons(tflite_runtime_python: Path, tflite_micro_python: Path) -> dict[str, Path]:
    """Where the interpreter of each target is."""
    return dict(zip(TARGETS, (Path(sys.executable), tflite_runtime_python, tflite_micro_python), strict=True))


def top1(model: TfliteModel, target: str, python: Path, record: Trained) -> float | str:
    """What the interpreter answers right, or how it failed."""
    known = record.tops.setdefault(model, {})
    if target not in known:
        file = record.folder / "model.tflite"
        file.write_bytes(model.content)
        command = [str(python), "-c", RUN, target, str(file), str(record.folder / "data.npz")]
        done = subprocess.run(command, capture_output=True, text=True)
        failure = f"exit code {done.returncode}: {done.stderr.strip()[-300:]}"
        known[target] = failure if done.returncode else float(json.loads(done.stdout.splitlines()[-1]))
    return known[target]


def variants(record: Trained, mode: Mode, target: str) -> Iterator[tuple[str, TfliteModel | None, bool]]:
    """The plain file of a mode, then the one made for the target; with the check's verdict."""
    plain = quantize_for_targets(record.open_batch, mode, [], ranges=_ranges(record, record.open_batch, mode)).model
    yield "plain", plain, check_targets(plain, [target])[0].runs
    source = record.fixed_batch if needs_fixed_batch([target]) else record.open_batch
    try:
        require_mode(mode, [target])
        made = quantize_for_targets(source, mode, [target], ranges=_ranges(record, source, mode)).model
    except (UsageError, TargetRefusalError):
        yield "made for it", None, False
    else:
        yield "made for it", made, True


def _ranges(record: Trained, model: TfliteModel, mode: Mode) -> Ranges | None:
    """The ranges of a float model's activations, measured once."""
    if not mode.needs_calibration:
        return None
    if model not in record.ranges:
        record.ranges[model] = calibrate(model, record.samples)
    return record.ranges[model]


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("mode", Mode, ids=lambda mode: mode.value)
@pytest.mark.parametrize("name", [make.__name__ for make in MODELS])
def test_what_the_check_lets_pass_runs_there(
    name: str, mode: Mode, target: str, trained: dict[str, Trained], pythons: dict[str, Path], table: list[Any]
) -> None:
    record = trained[name]
    expected = top1(record.open_batch, "litert", pythons["litert"], record)
    assert isinstance(expected, float) and expected >= 0.9, expected
    for form, model, passes in variants(record, mode, target):
        received = top1(model, target, pythons[target], record) if model else "not made"
        least = expected
        if (name, mode) in LOST_TO_ROUNDING and model:
            least = top1(model, "litert", pythons["litert"], record)
        is_right = isinstance(received, float) and isinstance(least, float) and received >= least - LARGEST_DROP
        table.append((name, mode.value, target, form, expected, received, passes, is_right))
        if passes:
            assert is_right, f"{form}: {received}, float {expected}"


@pytest.fixture(scope="module")
def table() -> Iterator[list[Any]]:
    """All rows, printed at the end; a false refusal is a file that would have run."""
    rows: list[Any] = []
    yield rows
    print("\n| model | mode | target | file | float | there | check |\n|---|---|---|---|---|---|---|")
    for name, mode, target, form, expected, received, passes, is_right in rows:
        there = f"{received:.4f}" if isinstance(received, float) else str(received)[:60].replace("\n", " ")
        verdict = "runs" if passes else "refused, falsely" if is_right else "refused"
        print(f"| {name} | {mode} | {target} | {form} | {expected:.4f} | {there} | {verdict} |")
    refusals = [row for row in rows if not row[6] and row[3] == "plain"]
    print(f"{len(rows)} files; refused {len(refusals)} plain ones, {sum(row[7] for row in refusals)} of them falsely")
