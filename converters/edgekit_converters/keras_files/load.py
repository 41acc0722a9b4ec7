"""A Keras file of any age to a Keras 3 model, without running what the file carries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from edgekit_converters.keras_files.description import LayerPath
from edgekit_converters.keras_files.upgrade import UpgradedModel
from edgekit_runtime.errors import ModelFileError


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A Keras 3 model and where it came from.

    Attributes:
        model: The built model (``keras.Model``) with the file's weights, not compiled.
        keras_version: The version that wrote the file.
        steps: The names of the upgrade steps that had something to mend.
        notes: What the user should be told.
    """

    model: Any
    keras_version: str
    steps: tuple[str, ...]
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """What can be written as JSON: everything but the model."""
        return {"keras_version": self.keras_version, "steps": list(self.steps), "notes": list(self.notes)}


def build(upgraded: UpgradedModel, *, custom_objects: dict[str, Any] | None = None, allow_unsafe: bool = False) -> Any:
    """Build the Keras 3 model of an upgraded description and set its weights.

    Raises:
        ModelFileError: Keras refuses a part of the description, or the weights don't fit it.
    """
    import keras

    from edgekit_converters.keras_files import replacement_layers  # noqa: F401  registers the layers

    try:
        model = keras.saving.deserialize_keras_object(
            upgraded.config, custom_objects=custom_objects, safe_mode=not allow_unsafe
        )
    except (ValueError, TypeError, KeyError, AttributeError, IndexError, RuntimeError, NotImplementedError) as error:
        raise ModelFileError(
            "Keras could not build the model from the file's description.",
            received=_first_lines(error),
            next_step="report this file: edgekit means to read every model made of Keras's own layers",
        ) from error
    if not model.built:
        raise ModelFileError(
            "The file doesn't say which input shape the model takes.",
            next_step="pass it, without the batch: --input-shape 28,28,1",
        )
    _set_weights(model, (), dict(upgraded.weights))
    return model


def _set_weights(model: Any, path: LayerPath, weights: dict[LayerPath, list[np.ndarray]]) -> None:
    left_over = set(weights)
    for layer_path, layer in _leaf_layers(model, path):
        _set_layer(layer, layer_path, weights.get(layer_path, []))
        left_over.discard(layer_path)
    if left_over:
        names = ", ".join(sorted("/".join(p) for p in left_over))
        raise ModelFileError(
            "The file holds weights that no layer of the model takes.",
            received=names,
            next_step="check that description and weights belong together",
        )


def _leaf_layers(layer: Any, path: LayerPath) -> list[tuple[LayerPath, Any]]:
    """The layers that keep weights of their own, by the paths that ``stored_weights`` gives them."""
    if hasattr(layer, "layers") and type(layer).__name__ in ("Sequential", "Functional", "Model"):
        return [leaf for inner in layer.layers for leaf in _leaf_layers(inner, (*path, inner.name))]
    kind = type(layer).__name__
    if kind == "Bidirectional":
        return [((*path, part), getattr(layer, part)) for part in ("forward_layer", "backward_layer")]
    if kind == "ChannelsFirst":
        return _leaf_layers(layer.layer, path)
    if kind == "TimeDistributed":
        return _leaf_layers(layer.layer, (*path, "layer"))
    return [(path, layer)]


def _set_layer(layer: Any, path: LayerPath, arrays: list[np.ndarray]) -> None:
    variables = layer.trainable_weights + layer.non_trainable_weights
    expected = [tuple(variable.shape) for variable in variables]
    received = [array.shape for array in arrays]
    if expected != received:
        raise ModelFileError(
            f"The weights of layer '{'/'.join(path)}' don't fit it.",
            expected=", ".join(map(str, expected)) or "no weights",
            received=", ".join(map(str, received)) or "no weights",
            next_step="check that description and weights belong together, or report the file",
        )
    for variable, array in zip(variables, arrays, strict=True):
        variable.assign(array)
    if hasattr(layer, "finalize_state"):  # Normalization computes with copies of its weights.
        layer.finalize_state()


def _first_lines(error: BaseException) -> str:
    """The start of Keras's message: the rest of it prints the whole description."""
    return " ".join(str(error).split())[:300]
