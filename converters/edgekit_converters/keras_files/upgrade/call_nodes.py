"""Calls of layers in a functional model: converts Keras 1's and 2's lists to Keras 3's arguments."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from edgekit_converters.keras_files.description import Description, Layer, is_model, layer_name, model_layers
from edgekit_converters.keras_files.wrapper_layers import wrapper_record
from edgekit_runtime.errors import ModelFileError


def rewrite_call_nodes(description: Description) -> bool:
    """Convert every call ``[["dense_1", 0, 0, {}]]`` to ``{"args": [tensor], "kwargs": {}}``."""
    changed = False
    for path, model in description.models():
        if model["class_name"] != "Functional":
            continue
        layers = model_layers(model)
        names = {layer_name(layer) for layer in layers}
        first_calls = _first_calls(model)
        for layer in layers:
            nodes = layer.get("inbound_nodes") or []
            changed |= any(isinstance(node, list) for node in nodes)
            layer["name"] = layer_name(layer)
            layer["inbound_nodes"] = [
                _keras3_node(layer, node, names, first_calls) if isinstance(node, list) else node for node in nodes
            ]
            changed |= _drop_training(description, layer)
        if description.era < 3:
            _rewrite_outputs(model, layers, first_calls)
        if description.era < 3 or not path:
            for ends in ("input_layers", "output_layers"):
                model["config"][ends] = _unwrapped(model["config"][ends])
    return changed


def _drop_training(description: Description, layer: Layer) -> bool:
    """Drop ``training``, since the model is used for inference only; normalization that always trains keeps it."""
    changed = False
    for node in layer["inbound_nodes"]:
        if "training" in node["kwargs"] and not (
            node["kwargs"]["training"] and layer["class_name"] == "BatchNormalization"
        ):
            if node["kwargs"].pop("training") is True:
                description.notes.append(f"Layer '{layer_name(layer)}' was called with training=True; it no longer is.")
            changed = True
    return changed


def tensor(layer: str, call: int, output: int) -> dict[str, Any]:
    """Refer to an output of a call of a layer, in Keras 3's notation."""
    config = {"shape": [], "dtype": "float32", "keras_history": [layer, call, output]}
    return {"class_name": "__keras_tensor__", "config": config}


def is_tensor(value: object) -> bool:
    """True if ``value`` refers to a layer's output."""
    return isinstance(value, dict) and value.get("class_name") == "__keras_tensor__"


def tensors_of(value: Any) -> Iterator[dict[str, Any]]:
    """Yield every reference to a layer's output inside a node or one of its arguments."""
    if is_tensor(value):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from tensors_of(inner)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from tensors_of(inner)


def _keras3_node(layer: Layer, node: list[Any], names: set[str], first_calls: dict[str, int]) -> dict[str, Any]:
    kwargs: dict[str, Any] = {}

    def argument(value: Any) -> Any:
        """Convert a positional argument; the call's keyword arguments are the fourth item of each tensor."""
        if isinstance(value, dict):
            return {key: argument(inner) for key, inner in value.items()}
        if not isinstance(value, list):
            return value
        if len(value) == 4 and value[0] == "_CONSTANT_VALUE":
            kwargs.update(value[3])
            return value[2]
        if _is_reference(value, names):
            if len(value) > 3 and isinstance(value[3], dict):
                kwargs.update(value[3])
            return tensor(value[0], value[1] - first_calls.get(value[0], 0), value[2])
        return [argument(inner) for inner in value]

    def keyword(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: keyword(inner) for key, inner in value.items()}
        if not isinstance(value, list):
            return value
        if _is_reference(value, names):
            return tensor(value[0], value[1] - first_calls.get(value[0], 0), value[2])
        return [keyword(inner) for inner in value]

    inputs = argument(node)
    if isinstance(inputs, list) and len(inputs) == 1:
        inputs = inputs[0]
    named = {key: keyword(value) for key, value in kwargs.items()}
    if wrapper_record(layer).takes_states and isinstance(inputs, list):
        # Keras 2 listed a recurrent layer's initial states, and its cell's constants, after its input.
        if layer["config"].get("num_constants"):
            raise ModelFileError(
                f"Layer '{layer_name(layer)}' passes constants to its recurrent cell, which Keras 3 cannot do.",
                next_step="rebuild this part of the model with an attention layer",
            )
        named["initial_state"] = inputs[1:]
        inputs = inputs[0]
    return {"args": [inputs], "kwargs": named}


def _is_reference(value: list[Any], names: set[str]) -> bool:
    return (
        len(value) in (3, 4)
        and isinstance(value[0], str)
        and value[0] in names
        and isinstance(value[1], int)
        and isinstance(value[2], int)
    )


def _first_calls(model: Layer) -> dict[str, int]:
    """The number of each nested model's first call: 1 in most files of Keras 1 and 2, otherwise 0.

    Building a nested model counted as its call number 0, so calls inside the outer model start at 1.
    """
    used: dict[str, set[int]] = {layer_name(layer): set() for layer in model_layers(model) if is_model(layer)}

    def collect(value: Any) -> None:
        if isinstance(value, dict):
            for inner in value.values():
                collect(inner)
        elif isinstance(value, list):
            if _is_reference(value, set(used)):
                used[value[0]].add(value[1])
            for inner in value:
                collect(inner)

    for layer in model_layers(model):
        if any(isinstance(node, list) for node in layer.get("inbound_nodes") or []):
            collect(layer["inbound_nodes"])
    collect(model["config"].get("output_layers", []))
    return {name: 0 if 0 in calls else 1 for name, calls in used.items()}


def _rewrite_outputs(model: Layer, layers: list[Layer], first_calls: dict[str, int]) -> None:
    """Rewrite outputs, which still count the calls of a nested functional model from 1 in Keras 3."""
    functional = {layer_name(layer) for layer in layers if layer["class_name"] == "Functional"}

    def rewrite(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: rewrite(inner) for key, inner in value.items()}
        if value and isinstance(value[0], str):
            name, call, output = value[:3]
            return [name, call - first_calls.get(name, 0) + (name in functional), output]
        return [rewrite(inner) for inner in value]

    config = model["config"]
    config["output_layers"] = rewrite(config["output_layers"])


def _unwrapped(ends: Any) -> Any:
    """Replace a list of a single input or output by the tensor itself."""
    return ends[0] if isinstance(ends, list) and len(ends) == 1 and isinstance(ends[0], list) else ends
