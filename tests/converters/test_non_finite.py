"""Weights that are NaN or infinite are counted, by hand here."""

from __future__ import annotations

import keras
import numpy as np

from edgekit_converters.keras_files.load import load_keras_model
from edgekit_converters.lowering.keras.model import lower_keras_model
from edgekit_converters.non_finite import defects_of_constants, describe_non_finite


def test_only_arrays_that_hold_any_are_counted() -> None:
    kernel = np.zeros((36, 32), np.float32)
    kernel[:4] = np.nan
    assert describe_non_finite([kernel, np.ones(32, np.float32)]) == "128 of 1,152 are NaN"
    assert describe_non_finite([np.array([np.inf, np.nan, -np.inf])]) == "1 of 3 are NaN and 2 of 3 are infinite"
    assert describe_non_finite([np.ones(3), np.arange(3)]) == ""


def test_a_keras_file_names_the_layer_and_a_lowered_model_the_tensor(tmp_path) -> None:
    x = keras.Input((3,), name="x")
    model = keras.Model(x, keras.layers.Dense(2, name="größe")(x))
    kernel, bias = model.layers[1].get_weights()
    kernel[0, 0], kernel[1, 1] = np.nan, np.inf
    model.layers[1].set_weights([kernel, bias])
    model.save(tmp_path / "model.keras")
    loaded = load_keras_model(tmp_path / "model.keras")
    assert loaded.defects == ('layer "größe": 1 of 6 are NaN and 1 of 6 are infinite',)
    lowered, _ = lower_keras_model(loaded.model, name="model.keras")
    (found,) = defects_of_constants(lowered)
    assert found.endswith(": 1 of 6 are NaN and 1 of 6 are infinite")
