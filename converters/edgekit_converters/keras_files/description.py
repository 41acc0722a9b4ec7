"""A stored model on its way to Keras 3, as the upgrade steps read and change it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from edgekit_converters.keras_files.keras_operations import is_operation
from edgekit_converters.keras_files.wrapper_layers import (
    WRAPPER_LAYERS,
    cell_keys,
    described_inner_layers,
    describes_layer,
)
from edgekit_runtime.errors import ModelFileError

if TYPE_CHECKING:
    from edgekit_converters.keras_files.text_layers import TextLayer

LayerPath = tuple[str, ...]
Layer = dict[str, Any]

#: Keys under which a layer may describe another layer as its activation.
_ACTIVATION_KEYS = ("activation", "recurrent_activation")
MODEL_CLASSES = frozenset({"Sequential", "Functional", "Model", "Container", "Network"})


@dataclass(frozen=True, slots=True)
class LearntRange:
    """The range of a layer's activations in quantization-aware training, which clipped values outside it.

    Attributes:
        low: Smallest value.
        high: Largest value.
        before_activation: Whether the range applies to the input of the layer's activation function (softmax).
    """

    low: float
    high: float
    before_activation: bool


@dataclass
class Description:
    """A model's description and weights, changed in place by the steps.

    Attributes:
        root: The outermost model, ``{"class_name": ..., "config": ...}``.
        keras_version: The version that wrote the file, such as ``"2.2.4-tf"``.
        backend: The backend that wrote it: ``"tensorflow"``, ``"theano"``, …
        weights: The stored arrays of every layer that has any, by its path from the root. A wrapped layer's path
            continues with the wrapper's attribute: ``("bidirectional_1", "forward_layer")``.
        notes: Sentences for the user.
        source_names: The file's names for renamed layers of the outermost model, by their new names.
        unwrapped: Layers that were in a wrapper of another toolkit: the wrapper's class by the layer's path.
        learnt_ranges: Ranges of activations from quantization-aware training, by the layer's path.
        vocabularies: Vocabularies that the file stores beside the description, by the layer's path.
        text_layers: Layers that were moved out of the model, by the name of the input in front of them.
        runs_code: Whether the user allows code from the file to run.
        custom_names: Names of classes and functions that the user provides.
    """

    root: Layer
    keras_version: str
    backend: str
    weights: dict[LayerPath, list[np.ndarray]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    source_names: dict[str, str] = field(default_factory=dict)
    unwrapped: dict[LayerPath, str] = field(default_factory=dict)
    learnt_ranges: dict[LayerPath, LearntRange] = field(default_factory=dict)
    vocabularies: Mapping[LayerPath, bytes] = field(default_factory=dict)
    text_layers: dict[str, TextLayer] = field(default_factory=dict)
    runs_code: bool = False
    custom_names: frozenset[str] = frozenset()

    @property
    def era(self) -> int:
        """The major version of the Keras that wrote the file: 1, 2 or 3; 2 if it is not stated."""
        return int(self.keras_version.partition(".")[0] or 2)

    def models(self) -> Iterator[tuple[LayerPath, Layer]]:
        """Yield every Sequential and functional model with its path, the outermost first."""
        yield (), self.root
        for path, layer in self.layers():
            if is_model(layer):
                yield path, layer

    def weight_paths(self, path: LayerPath) -> list[LayerPath]:
        """Paths of the weights of the layer described at ``path``: one description may serve several layers."""
        copies = (each for record in WRAPPER_LAYERS.values() for each in record.inner if each.copy_of)
        paths = [path, *((*path[:-1], each.name) for each in copies if path[-1:] == (each.copy_of,))]
        return [p for p in paths if p in self.weights]

    def rename_weights(self, path: LayerPath, new_names: dict[str, str]) -> None:
        """Apply new names of layers in the model at ``path`` to everything that is stored by path."""
        depth = len(path)

        def renamed(key: LayerPath) -> LayerPath:
            return (*path, new_names.get(key[depth], key[depth]), *key[depth + 1 :]) if key[:depth] == path else key

        self.weights = {renamed(key): arrays for key, arrays in self.weights.items()}
        self.learnt_ranges = {renamed(key): learnt for key, learnt in self.learnt_ranges.items()}

    def layers(self) -> Iterator[tuple[LayerPath, Layer]]:
        """Yield every layer below the root with its path, including nested models, wrapped layers, cells, activations.

        Operations of Keras 3 are left out: they are among the layers, and share names of classes and arguments.
        """
        for path, layer in walk(self.root, ()):
            if not is_operation(layer):
                yield path, layer
                yield from _parts(layer, path)


@contextmanager
def reading_description() -> Iterator[None]:
    """Convert errors caused by a description that Keras would not have written into a message.

    Raises:
        ModelFileError: The description lacks a part, or has something else in its place.
    """
    try:
        yield
    except (
        AttributeError,
        IndexError,
        KeyError,
        OverflowError,
        RecursionError,
        TypeError,
        ValueError,
        ZeroDivisionError,
    ) as error:
        raise ModelFileError(
            "The model's description contradicts itself.",
            received=f"{type(error).__name__}: {' '.join(str(error).split())[:200]}",
            next_step="save the model again in the Keras that wrote it, or report the file",
        ) from error


def walk(layer: Layer, path: LayerPath) -> Iterator[tuple[LayerPath, Layer]]:
    """Yield every layer inside ``layer``, which is at ``path``; each before its inner layers."""
    for name, inner in inner_layers(layer):
        yield (*path, name), inner
        yield from walk(inner, (*path, name))


def inner_layers(layer: Layer) -> Iterator[tuple[str, Layer]]:
    """Yield the layers directly inside ``layer``: of a model by their names, of a wrapper by its attributes."""
    if is_model(layer):
        for inner in model_layers(layer):
            yield layer_name(inner), inner
        return
    before: list[Layer] = []
    for wrapped, described in described_inner_layers(layer):
        # If several layers share one description, it counts as that of the first.
        if not any(described is other for other in before):
            yield wrapped.name, described
        before.append(described)


def _parts(layer: Layer, path: LayerPath) -> Iterator[tuple[LayerPath, Layer]]:
    """Yield layers that are another layer's cell or activation; their weights are among that layer's."""
    config = layer["config"]
    if is_model(layer) or not isinstance(config, dict):
        return
    found: list[tuple[str, Any]] = []
    for key in (*cell_keys(), *_ACTIVATION_KEYS):
        value = config.get(key)
        found += [(f"{key}/{n}", part) for n, part in enumerate(value)] if isinstance(value, list) else [(key, value)]
    for name, part in found:
        if isinstance(part, dict) and is_layer(part) and isinstance(part["config"], dict):
            yield (*path, name), part
            yield from _parts(part, (*path, name))


def model_layers(model: Layer) -> list[Layer]:
    """A model's layers. Before Keras 2.2.3, the config of a Sequential consisted of this list alone."""
    config = model["config"]
    layers: list[Layer] = config if isinstance(config, list) else config["layers"]
    return layers


def is_layer(value: object) -> bool:
    """True if ``value`` describes a layer."""
    return describes_layer(value)


def is_model(layer: Layer) -> bool:
    """True if ``layer`` is a Sequential or functional model that contains layers."""
    config = layer["config"]
    return layer["class_name"] in MODEL_CLASSES and (isinstance(config, list) or "layers" in config)


def layer_name(layer: Layer) -> str:
    """A layer's name, by which others refer to it: next to its config in functional models, otherwise inside it."""
    config = layer["config"]
    inside = config.get("name") if isinstance(config, dict) else None
    return str(layer.get("name") or inside or layer["class_name"].lower())


def keras3_layer(class_name: str, config: dict[str, Any], module: str = "keras.layers") -> Layer:
    """Describe one of Keras 3's own layers."""
    return {"module": module, "class_name": class_name, "config": config, "registered_name": None}


def replacement_layer(class_name: str, config: dict[str, Any]) -> Layer:
    """Describe one of the layers of ``replacement_layers``."""
    return {
        "module": None,
        "class_name": class_name,
        "config": config,
        "registered_name": f"edgekit>{class_name}",
    }
