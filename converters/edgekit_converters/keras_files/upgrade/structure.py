"""Converts the ways in which descriptions name models and layers to one form."""

from __future__ import annotations

from typing import Any

from edgekit_converters.keras_files.description import (
    Description,
    is_model,
    layer_name,
    model_layers,
)


def name_sequential_layers(description: Description) -> bool:
    """Give a name to a Sequential whose description is a bare list of layers."""
    changed = False
    for path, model in description.models():
        if isinstance(model["config"], list):
            name = path[-1] if path else "sequential"
            model["config"] = {"name": str(model.get("name") or name), "layers": model["config"]}
            changed = True
    return changed


def rename_model_classes(description: Description) -> bool:
    """Rename ``Model``, ``Container`` and ``Network`` to ``Functional``."""
    changed = False
    for _, model in description.models():
        if model["class_name"] != "Sequential":
            changed |= model["class_name"] != "Functional"
            model["class_name"] = "Functional"
    return changed


def name_modules(description: Description) -> bool:
    """Mark each layer as one of Keras's own, in the form that Keras 3 reads."""
    changed = False
    for _, layer in [((), description.root), *description.layers()]:
        changed |= layer.get("module", "") != _module(layer)
        if layer["class_name"] in description.custom_names:
            layer.update(module=None, registered_name=layer["class_name"])
        elif not str(layer.get("registered_name")).startswith("edgekit>"):
            layer.update(module=_module(layer), registered_name=None)
        layer.pop("build_config", None)
        layer.pop("compile_config", None)
    return changed


def _module(layer: dict[str, Any]) -> str | None:
    if is_model(layer):
        return "keras" if layer["class_name"] == "Sequential" else "keras.src.models.functional"
    return "keras.layers"


def add_input_layers(description: Description) -> bool:
    """Add an ``InputLayer`` to a Sequential whose input shape is stored in its first layer."""
    changed = False
    for path, model in description.models():
        if model["class_name"] != "Sequential" or not model_layers(model):
            continue
        layers = model_layers(model)
        first = layers[0]
        shape = _input_shape(first)
        if first["class_name"] == "InputLayer" or shape is None:
            continue
        dtype = first["config"].get("input_dtype") or "float32"
        name = f"{layer_name(first)}_input" if not path else f"{path[-1]}_input"
        config = {"batch_input_shape": shape, "dtype": dtype, "name": name}
        layers.insert(0, {"class_name": "InputLayer", "config": config})
        changed = True
    return changed


def _input_shape(layer: dict[str, Any]) -> list[int | None] | None:
    """The input shape of a first layer, or of the first layer inside it."""
    config = layer["config"]
    if is_model(layer):
        if layer["class_name"] != "Sequential" or not model_layers(layer):
            return None
        first = model_layers(layer)[0]
        shape = first["config"].get("batch_shape") if first["class_name"] == "InputLayer" else None
        return shape or _input_shape(first)
    shape = config.get("batch_input_shape")
    return list(shape) if shape else None


def rename_input_shapes(description: Description) -> bool:
    """Rename ``batch_input_shape`` of an ``InputLayer`` to ``batch_shape``, and remove it from every other layer."""
    changed = False
    for _, layer in description.layers():
        config = layer["config"]
        if is_model(layer) or not isinstance(config, dict):
            continue
        shape = config.pop("batch_input_shape", None)
        if layer["class_name"] == "InputLayer":
            config.setdefault("batch_shape", shape)
        changed |= shape is not None
    return changed
