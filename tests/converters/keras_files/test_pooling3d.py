"""3D pooling by 2D poolings, and merges of a single tensor, compared with Keras and in TFLite."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest
from keras import layers

import edgekit_runtime
from edgekit_converters.keras_files.load import load_keras_model
from edgekit_converters.lowering.keras.model import lower_keras_model
from edgekit_runtime.errors import ModelFileError


def poolings() -> list[Any]:
    options = [
        {"pool_size": 2},
        {"pool_size": (3, 2, 1), "strides": (1, 2, 3)},
        {"pool_size": (2, 3, 2), "strides": 1, "padding": "same"},
        {"pool_size": 3, "strides": 2, "padding": "same"},
    ]
    return [kind(**each) for kind in (layers.MaxPooling3D, layers.AveragePooling3D) for each in options]


def test_3d_pooling_equals_keras(tmp_path: Path) -> None:
    x = keras.Input((6, 7, 5, 3), name="x")
    model = keras.Model(x, [layer(x) for layer in poolings()])
    model.save(tmp_path / "model.keras")
    values = np.random.default_rng(0).standard_normal((2, 6, 7, 5, 3)).astype(np.float32)
    loaded = load_keras_model(tmp_path / "model.keras").model
    lowered = edgekit_runtime.load(lower_keras_model(loaded, name="model.keras")[0])
    for expected, received in zip(model(values), lowered.predict(values).values(), strict=True):
        assert np.allclose(received, np.asarray(expected), atol=1e-6)


@pytest.mark.parametrize("kind", ["Concatenate", "Add", "Average", "Maximum", "Minimum", "Multiply"])
def test_a_merge_of_one_tensor_is_that_tensor(kind: str, tmp_path: Path) -> None:
    x = keras.Input((4,), name="x")
    model = keras.Model(x, getattr(layers, kind)(name="merged")([layers.Dense(4, name="a")(x), layers.ReLU()(x)]))
    model.save(tmp_path / "model.h5")
    with h5py.File(tmp_path / "model.h5", "r+") as file:
        # What Keras 3 itself does not build: the second tensor is taken out of the call.
        text = str(file.attrs["model_config"])
        start = text.index('"name": "merged", "inbound_nodes"')
        first = text.index('{"class_name": "__keras_tensor__"', start)
        second = text.index(', {"class_name": "__keras_tensor__"', first)
        end = text.index("]", text.index("keras_history", second)) + 3
        file.attrs["model_config"] = text[:second] + text[end:]
    loaded = load_keras_model(tmp_path / "model.h5").model
    values = np.ones((1, 4), np.float32)
    inner = keras.Model(loaded.inputs, [loaded.get_layer("a").output, loaded.get_layer("merged").output])
    a, result = inner(values)
    assert np.array_equal(np.asarray(a), np.asarray(result))


def test_a_lambda_that_refers_to_a_function_asks_for_it(tmp_path: Path) -> None:
    x = keras.Input((4,))
    keras.Sequential([x, layers.Lambda(sampling, name="z")]).save(tmp_path / "model.keras")
    with pytest.raises(ModelFileError) as refusal:
        load_keras_model(tmp_path / "model.keras")
    assert "--custom-objects module:sampling" in refusal.value.next_step
    loaded = load_keras_model(tmp_path / "model.keras", custom_objects={"sampling": sampling})
    assert np.array_equal(np.asarray(loaded.model(np.ones((1, 4)))), np.full((1, 4), 2.0))


@keras.saving.register_keras_serializable(package="Custom")
def sampling(inputs: Any) -> Any:
    return inputs * 2
