"""Converts old descriptions of models to Keras 3: one small step for each known difference."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgekit_converters.keras_files.description import (
    Description,
    Layer,
    LayerPath,
    LearntRange,
    is_model,
    reading_description,
)
from edgekit_converters.keras_files.description_bounds import require_bounded
from edgekit_converters.keras_files.stored_weights import NamedArrays
from edgekit_converters.keras_files.text_layers import TextLayer
from edgekit_converters.keras_files.upgrade.optimization_wrappers import learnt_range, weights_of_unwrapped
from edgekit_converters.keras_files.upgrade.steps import STEPS, STRUCTURE_STEPS, Step
from edgekit_runtime.errors import ModelFileError

__all__ = ["STEPS", "STRUCTURE_STEPS", "Step", "UpgradedModel", "upgrade"]


@dataclass(frozen=True, slots=True)
class UpgradedModel:
    """A model as Keras 3 builds it.

    Attributes:
        config: The outermost model's description.
        weights: The arrays of every layer that has any, by its path, in the order of Keras 3's ``layer.weights``.
        steps: Names of the steps that changed something.
        notes: Sentences for the user.
        source_names: The file's names for renamed layers of the outermost model, by their new names.
        learnt_ranges: Ranges from quantization-aware training, by the layer's path.
        text_layers: Layers that were moved out of the model, by the name of the input in front of them.
    """

    config: dict[str, Any]
    weights: dict[LayerPath, list[np.ndarray]]
    steps: tuple[str, ...]
    notes: tuple[str, ...]
    source_names: dict[str, str]
    learnt_ranges: dict[LayerPath, LearntRange]
    text_layers: dict[str, TextLayer]


def upgrade(
    config: Layer,
    keras_version: str,
    backend: str,
    read_weights: Callable[[Layer], dict[LayerPath, NamedArrays]],
    read_vocabularies: Callable[[Layer], Mapping[LayerPath, bytes]] = lambda root: {},
    *,
    allow_unsafe: bool = False,
    custom_names: frozenset[str] = frozenset(),
) -> UpgradedModel:
    """Apply every step to a description and its weights.

    Args:
        config: The stored description, ``{"class_name": ..., "config": ...}``; it is not modified.
        keras_version: The version that wrote it.
        backend: The backend that wrote it; "" if the file does not say.
        read_weights: Reads the stored weights of a description.
        read_vocabularies: Reads the vocabularies that are stored beside a description.
        allow_unsafe: Keep a ``Lambda`` that is not arithmetic, so that its code is run.
        custom_names: Names of classes and functions that the user provides.
    Returns:
        The description and the weights for Keras 3.
    Raises:
        ModelFileError: The model uses something that has no counterpart in Keras 3.
        UnsafeModelError: A ``Lambda`` is not plain arithmetic.
    """
    with reading_description():
        if is_model(config):
            require_bounded(config)
        return _upgrade(
            Description(
                copy.deepcopy(config), keras_version, backend, runs_code=allow_unsafe, custom_names=custom_names
            ),
            read_weights,
            read_vocabularies,
        )


def _upgrade(
    description: Description,
    read_weights: Callable[[Layer], dict[LayerPath, NamedArrays]],
    read_vocabularies: Callable[[Layer], Mapping[LayerPath, bytes]],
) -> UpgradedModel:
    model_class = description.root["class_name"]
    if not is_model(description.root):
        raise ModelFileError(
            f"The model is of the custom class {model_class}, whose layers the file doesn't describe.",
            expected="a Sequential or a functional model",
            received=model_class,
            next_step="build it with its own code, and save keras.Model(inputs, outputs) of its layers",
        )
    applied = [step.name for step in STRUCTURE_STEPS if step.apply(description)]
    named = read_weights(description.root)
    description.vocabularies = read_vocabularies(description.root)
    for path, wrapper in description.unwrapped.items():
        if path in named:
            learnt = learnt_range(named[path])
            if learnt is not None:
                description.learnt_ranges[path] = learnt
            named[path] = weights_of_unwrapped(wrapper, named[path])
    description.weights = {path: [array for _, array in arrays] for path, arrays in named.items()}
    if not description.backend:
        description.backend = _backend(named)
    applied += [step.name for step in STEPS if step.apply(description)]
    return UpgradedModel(
        description.root,
        description.weights,
        tuple(applied),
        tuple(description.notes),
        description.source_names,
        description.learnt_ranges,
        description.text_layers,
    )


def _backend(weights: dict[LayerPath, NamedArrays]) -> str:
    """Guess the backend, which Keras 1 did not store: TensorFlow's variable names end in ``:0``."""
    names = [name for arrays in weights.values() for name, _ in arrays]
    return "tensorflow" if not names or any(name.endswith(":0") for name in names) else "theano"
