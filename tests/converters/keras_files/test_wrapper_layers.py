"""The table of wrapping layer classes: complete for Keras, true to what Keras does, and enough for a new class."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from edgekit_converters.keras_files import allocation
from edgekit_converters.keras_files.allow_list import RUNS_CODE
from edgekit_converters.keras_files.container import open_keras_file
from edgekit_converters.keras_files.description import Description
from edgekit_converters.keras_files.description_bounds import require_bounded
from edgekit_converters.keras_files.load import load_keras_model
from edgekit_converters.keras_files.output_shapes import output_shapes
from edgekit_converters.keras_files.scan import scan_description
from edgekit_converters.keras_files.stored_weights import read_weights
from edgekit_converters.keras_files.upgrade import UpgradedModel, upgrade
from edgekit_converters.keras_files.wrapper_layers import WRAPPER_LAYERS, InnerLayer, ShapeRule, WrapperLayer
from edgekit_runtime.errors import ModelFileError

SUFFIXES = ("keras", "h5")


def keras_classes() -> dict[str, type]:
    return {name: each for name, each in vars(layers).items() if inspect.isclass(each)}


def is_made_of_layers(layer_class: type) -> bool:
    if issubclass(layer_class, (layers.Wrapper, layers.RNN)):
        return True
    return not {"layer", "layers", "cell", "cells"}.isdisjoint(inspect.signature(layer_class.__init__).parameters)


def test_every_class_of_keras_that_is_made_of_layers_has_a_record() -> None:
    wrapping = {name for name, each in keras_classes().items() if is_made_of_layers(each)}
    # A list of augmentations, which are all dropped; the base class, which does nothing; and code.
    assert wrapping - {"Pipeline", "Wrapper"} - set(RUNS_CODE) <= set(WRAPPER_LAYERS)
    assert {"TimeDistributed", "Bidirectional", "SpectralNormalization", "RNN", "StackedRNNCells", "LSTM"} <= wrapping


def test_the_records_name_classes_and_attributes_that_exist() -> None:
    known = keras_classes()
    for record in WRAPPER_LAYERS.values():
        assert record.is_unwrapped or record.class_name in known or record.class_name == "ChannelsFirst"
        assert record.is_recurrent == (record.class_name in known and issubclass(known[record.class_name], layers.RNN))
        for name in record.cells:
            assert name in inspect.signature(known[record.class_name].__init__).parameters
    built = layers.Bidirectional(layers.LSTM(2)), layers.TimeDistributed(layers.Dense(2))
    for layer in (*built, layers.SpectralNormalization(layers.Dense(2))):
        record = WRAPPER_LAYERS[type(layer).__name__]
        assert all(isinstance(getattr(layer, inner.name), keras.Layer) for inner in record.inner)


EXAMPLES: dict[str, tuple[tuple[int, ...], Callable[[], Any]]] = {
    "time distributed": ((5, 6, 2), lambda: layers.TimeDistributed(layers.Conv1D(3, 2))),
    "time distributed, twice": (
        (5, 6, 2),
        lambda: layers.TimeDistributed(layers.TimeDistributed(layers.Dense(3, name="dense"))),
    ),
    "bidirectional": ((5, 2), lambda: layers.Bidirectional(layers.LSTM(3, return_sequences=True))),
    "bidirectional, summed": ((5, 2), lambda: layers.Bidirectional(layers.GRU(3), merge_mode="sum")),
    "bidirectional, other way back": (
        (5, 2),
        lambda: layers.Bidirectional(layers.LSTM(3), backward_layer=layers.GRU(3, go_backwards=True)),
    ),
    "bidirectional of stacked cells": (
        (5, 2),
        lambda: layers.Bidirectional(layers.RNN([layers.LSTMCell(3), layers.GRUCell(4)])),
    ),
    "stacked cells": ((5, 2), lambda: layers.RNN([layers.LSTMCell(3), layers.GRUCell(4), layers.LSTMCell(2)])),
    "spectral normalization": ((6, 6, 2), lambda: layers.SpectralNormalization(layers.Conv2D(3, 2))),
    "frames": ((4, 6, 6, 2), lambda: layers.ConvLSTM2D(3, 2)),
    "attention in time": (
        (5, 4, 6),
        lambda: layers.TimeDistributed(layers.SpectralNormalization(layers.Dense(3))),
    ),
}


def saved(layer: Any, shape: tuple[int, ...], path: Path) -> keras.Model:
    """A model of the layer, with every weight another number."""
    x = layers.Input(shape, name="x")
    model = keras.Model(x, layer(x))
    rng = np.random.default_rng(0)
    model.set_weights([rng.uniform(0.1, 1, weight.shape).astype(np.float32) for weight in model.get_weights()])
    model.save(path)
    return model


def upgraded(path: Path, *custom_names: str) -> UpgradedModel:
    with open_keras_file(path) as file:
        return upgrade(
            file.model_config,
            file.keras_version,
            file.backend,
            lambda root: read_weights(file, root),
            custom_names=frozenset(custom_names),
        )


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("name", EXAMPLES)
def test_weights_and_shapes_are_those_of_keras(name: str, suffix: str, tmp_path: Path) -> None:
    shape, build = EXAMPLES[name]
    model = saved(build(), shape, tmp_path / f"model.{suffix}")
    loaded = load_keras_model(tmp_path / f"model.{suffix}").model
    x = np.random.default_rng(1).random((2, *shape), np.float32)
    np.testing.assert_allclose(loaded(x), model(x), atol=1e-6)
    wrapper = model.layers[-1]
    assert output_shapes(upgraded(tmp_path / f"model.{suffix}").config)[wrapper.name,] == wrapper.output.shape


@pytest.mark.parametrize("return_sequences", [False, True])
def test_the_time_axis_is_not_taken_for_channels(return_sequences: bool, tmp_path: Path) -> None:
    layer = layers.ConvLSTM2D(3, 2, data_format="channels_first", return_sequences=return_sequences)
    saved(layer, (4, 2, 6, 7), tmp_path / "model.keras")
    assert output_shapes(upgraded(tmp_path / "model.keras").config)[layer.name,] == layer.output.shape


class Twins(keras.Layer):
    """Two layers of one description, each called on every second step in time; their sum is doubled in size."""

    def __init__(self, made_of: Any, **config: Any) -> None:
        super().__init__(**config)
        self.older = made_of
        self.younger = type(made_of).from_config(made_of.get_config() | {"name": "younger"})

    def build(self, input_shape: Any) -> None:
        for each in (self.older, self.younger):
            each.build((input_shape[0], *input_shape[2:]))
        self.built = True

    def call(self, x: Any) -> Any:
        outputs = self.older(x[:, 0]) + self.younger(x[:, 1])
        return keras.ops.concatenate([outputs, outputs], axis=-1)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"made_of": keras.saving.serialize_keras_object(self.older)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Twins:
        made_of = keras.saving.deserialize_keras_object(config.pop("made_of"))
        return cls(made_of, **config)


TWINS = WrapperLayer(
    "Twins",
    (InnerLayer("older", "made_of"), InnerLayer("younger", "other", copy_of="older")),
    shapes=ShapeRule(
        lambda shape, inner_class: (shape[0], *shape[2:]),
        lambda inner, shape, config: (*inner[:-1], 2 * (inner[-1] or 0)),
    ),
    repeats_in_time=True,
)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_record_is_all_that_a_new_class_needs(suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(WRAPPER_LAYERS, "Twins", TWINS)
    path = tmp_path / f"model.{suffix}"
    model = saved(Twins(layers.Dense(3), name="twins"), (2, 4), path)
    x = np.random.default_rng(1).random((2, 2, 4), np.float32)
    loaded = load_keras_model(path, custom_objects={"Twins": Twins}).model
    np.testing.assert_allclose(loaded(x), model(x), atol=1e-6)
    description = upgraded(path, "Twins")
    # Weights at a path of their own each; the shape and the number of calls without Keras.
    assert {key: len(arrays) for key, arrays in description.weights.items()} == {
        ("twins", "older"): 2,
        ("twins", "younger"): 2,
    }
    assert output_shapes(description.config)["twins",] == (None, 6)
    assert output_shapes(description.config)["twins", "younger"] == (None, 3)
    assert allocation._calls(model.layers[-1], [(None, 2, 4)]) == 2 * (1 + 1)
    # The upgrade changes the weights of both by their one description.
    weights = {("twins", "older"): [], ("twins", "younger"): []}
    changed = Description(description.config, "3.0", "tensorflow", weights=weights)
    assert changed.weight_paths(("twins", "older")) == [("twins", "older"), ("twins", "younger")]
    # Bounds count the inner layer twice for each call, and the scan knows that a layer stands there.
    nested: dict[str, Any] = {"class_name": "Dense", "config": {"name": "d"}}
    for number in range(14):
        nested = {"class_name": "Twins", "config": {"name": f"t{number}", "made_of": nested}}
    root = {"class_name": "Sequential", "config": {"layers": [nested]}}
    with pytest.raises(ModelFileError, match="calls of layers"):
        require_bounded(root)
    (found,) = scan_description(
        {"class_name": "Twins", "config": {"name": "t", "made_of": {"class_name": "Lambda", "config": {}}}},
        "model",
        custom_names=frozenset({"Twins"}),
    )
    assert found.layer == "Lambda"
    assert "hides" not in found.reason


class Plain(layers.Wrapper):
    """A wrapper of its author's that edgekit has no record of."""

    def call(self, x: Any) -> Any:
        return self.layer(x)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_wrapper_without_a_record_has_the_weights_of_the_layer_in_it(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"model.{suffix}"
    # Of several layers, by name and by kind, in another order than that of their names.
    parts = [layers.Dense(4), layers.BatchNormalization(), layers.Dense(4, use_bias=False), layers.Activation("relu")]
    model = saved(Plain(keras.Sequential([layers.Input((4,)), *parts]), name="plain"), (4,), path)
    x = np.random.default_rng(1).random((2, 4), np.float32)
    loaded = load_keras_model(path, custom_objects={"Plain": Plain}).model
    np.testing.assert_allclose(loaded(x), model(x), atol=1e-6)
