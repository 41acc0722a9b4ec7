"""Small Keras models, and the float .tflite of one of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgekit_converters.lowering.keras.model import lower_keras_model
from edgekit_runtime.tflite.tflite_model import TfliteModel


@pytest.fixture(scope="session")
def small_cnn() -> Any:
    """A CNN with seeded weights, 8×8×1 in, 4 classes out."""
    import keras

    keras.utils.set_random_seed(1)
    return keras.Sequential(
        [
            keras.layers.Input((8, 8, 1), name="picture"),
            keras.layers.Conv2D(4, 3, activation="relu"),
            keras.layers.MaxPooling2D(),
            keras.layers.Flatten(),
            keras.layers.Dense(4, activation="softmax", name="kind"),
        ]
    )


@pytest.fixture(scope="session")
def small_cnn_inputs() -> np.ndarray:
    """100 seeded inputs in 0…1, float32 (100, 8, 8, 1)."""
    return np.random.default_rng(1).random((100, 8, 8, 1), np.float32)


@pytest.fixture(scope="session")
def small_cnn_tflite(small_cnn: Any) -> TfliteModel:
    """The CNN as a float32 .tflite."""
    return lower_keras_model(small_cnn, name="small_cnn")[0]
