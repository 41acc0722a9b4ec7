"""The input shape that the user provides for a model with dynamic sizes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from edgekit_converters.keras_files.description import Layer, is_model, model_layers
from edgekit_runtime.errors import UsageError


def fix_input_shape(root: Layer, shape: tuple[int | None, ...]) -> None:
    """Set a shape in an upgraded description, in place.

    Args:
        root: The outermost model.
        shape: The shape without the batch axis.
    Raises:
        UsageError: The shape contradicts the description, or the model has several inputs.
    """
    inputs = [layer for layer in model_layers(root) if layer["class_name"] == "InputLayer"]
    if not inputs and root["class_name"] == "Sequential":
        config = {"batch_shape": [None, *shape], "dtype": "float32", "name": "input"}
        model_layers(root).insert(
            0, {"module": "keras.layers", "class_name": "InputLayer", "config": config, "registered_name": None}
        )
        return
    if len(inputs) != 1:
        raise UsageError(
            f"The model has {len(inputs)} inputs; --input-shape fixes the shape of one.",
            next_step="save the model with known input shapes",
        )
    require_compatible_shape(inputs[0]["config"]["batch_shape"][1:], shape)
    _fix(root, list(shape))


def require_compatible_shape(stored: Sequence[int | None], shape: Sequence[int | None]) -> None:
    """Reject a shape that contradicts the one that a model was saved with.

    Args:
        stored: The model's shape without the batch axis; None for any size.
        shape: The shape that the user provides.
    Raises:
        UsageError: The shapes contradict each other.
    """
    if len(stored) != len(shape) or any(s not in (None, given) for s, given in zip(stored, shape, strict=True)):
        raise UsageError(
            f"The input shape {_text(shape)} doesn't fit the model.", expected=_text(stored), received=_text(shape)
        )


def _fix(model: Layer, shape: list[int | None]) -> None:
    """Set the shape of the input, and of the input of a model directly behind it in a Sequential."""
    for number, layer in enumerate(model_layers(model)):
        if layer["class_name"] == "InputLayer":
            layer["config"]["batch_shape"] = [None, *shape]
        if number == 1 and model["class_name"] == "Sequential" and is_model(layer):
            _fix(layer, shape)


def _text(shape: Any) -> str:
    return ",".join("?" if size is None else str(size) for size in shape)
