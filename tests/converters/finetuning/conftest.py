"""A small classifier of digits, its examples, and its fine-tuning for 4 bits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import edgekit_runtime
from edgekit_converters.finetuning.options import FineTuningOptions
from edgekit_converters.finetuning.process import FineTuned, fine_tune
from edgekit_converters.lowering.keras.model import lower_keras_model
from edgekit_converters.quantization.modes import Mode
from edgekit_converters.quantization.quantize import quantize
from edgekit_runtime.tflite.tflite_model import TfliteModel

OPTIONS = FineTuningOptions(epochs=4, learning_rate=0.002, seed=3)


@dataclass(frozen=True)
class Digits:
    """A trained float model with examples that it has not seen.

    Attributes:
        model: Takes "digit" (N, 8, 8, 1), gives probabilities (N, 10).
        inputs: Examples to fine-tune on.
        other: Examples to judge by.
    """

    model: TfliteModel
    inputs: np.ndarray
    other: np.ndarray

    def agreement(self, candidate: TfliteModel) -> float:
        """Share of the other examples on which a model gives the float model's class."""
        classes = [
            np.argmax(edgekit_runtime.load(each).predict(self.other), axis=1) for each in (self.model, candidate)
        ]
        return float(np.mean(classes[0] == classes[1]))


@pytest.fixture(scope="session")
def digits() -> Digits:
    import keras
    from sklearn.datasets import load_digits

    data = load_digits()
    images = (data.images / 16).astype(np.float32)[..., np.newaxis]
    order = np.random.default_rng(0).permutation(len(images))
    images, classes = images[order], data.target[order]
    keras.utils.set_random_seed(0)
    layers: list[Any] = [
        keras.layers.Input((8, 8, 1), name="digit"),
        keras.layers.Conv2D(8, 3, activation="relu"),
        keras.layers.Conv2D(16, 3),
        keras.layers.BatchNormalization(),
        keras.layers.ReLU(),
        keras.layers.MaxPooling2D(),
        keras.layers.Flatten(),
        keras.layers.Dense(10, activation="softmax", name="class"),
    ]
    model = keras.Sequential(layers)
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(images[:1000], classes[:1000], epochs=8, verbose=0)
    return Digits(lower_keras_model(model, name="digits")[0], images[:500], images[1000:])


@pytest.fixture(scope="session")
def plain_int4(digits: Digits) -> TfliteModel:
    return quantize(digits.model, Mode.INT4)


@pytest.fixture(scope="session")
def tuned_int4(digits: Digits, plain_int4: TfliteModel, tmp_path_factory: pytest.TempPathFactory) -> FineTuned:
    checkpoint = tmp_path_factory.mktemp("uninterrupted") / "checkpoint.npz"
    return fine_tune(digits.model, plain_int4, {"digit": digits.inputs}, OPTIONS, checkpoint=checkpoint)
