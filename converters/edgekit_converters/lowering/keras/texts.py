"""Runs the layers of text that were moved out of a Keras model, so that Keras itself answers for texts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from edgekit_converters.keras_files.load import LoadedModel
from edgekit_converters.keras_files.text_layers import TextLayer
from edgekit_converters.lowering.keras.signature import input_names


def text_layers_by_input(loaded: LoadedModel) -> dict[str, TextLayer]:
    """The layers that were moved out of a model, by the name that their input has in the signature."""
    named = zip(input_names(loaded.model), loaded.model.inputs, strict=True)
    return {name: loaded.text_layers[tensor.name] for name, tensor in named if tensor.name in loaded.text_layers}


class KerasTexts:
    """Converts texts to inputs of a Keras model by the model's own layers.

    Args:
        layers: The layers that were moved out of the model, by the name of the input.
    """

    def __init__(self, layers: Mapping[str, TextLayer]) -> None:
        self._layers = layers
        self._calls: dict[str, Callable[[Any], Any]] = {}

    def prepared(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Replace texts by what Keras makes of them.

        Args:
            inputs: Values by input name. For an input with a layer: texts (N,) or (N, strings), or the form in which
                golden examples hold them; or values that are already prepared.
        Returns:
            Values of the model's inputs.
        """
        return {name: self._prepared(name, values) for name, values in inputs.items()}

    def _prepared(self, name: str, values: np.ndarray) -> np.ndarray:
        layer = self._layers.get(name)
        if layer is None:
            return values
        texts = values if layer.text_input.is_raw(values) else layer.text_input.golden_examples(values)
        if texts is None:
            return values
        if name not in self._calls:
            self._calls[name] = _keras_layer(layer)
        return np.asarray(self._calls[name](texts)).astype(layer.dtype)


def _keras_layer(layer: TextLayer) -> Callable[[Any], Any]:
    import keras
    import tensorflow as tf

    keras_layer = keras.saving.deserialize_keras_object(layer.description)
    takes_column = layer.text_input.tokenizer.name == "whole" or layer.input_rank > 1
    dtype = tf.int64 if layer.text_input.are_integers else tf.string

    def call(texts: np.ndarray) -> Any:
        given = tf.constant(texts.tolist(), dtype)
        return keras_layer(given[:, tf.newaxis] if takes_column and len(given.shape) == 1 else given)

    return call
