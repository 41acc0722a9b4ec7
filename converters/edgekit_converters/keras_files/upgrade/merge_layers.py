"""Keras 1's ``Merge``: one layer for every way to join tensors, which could also be the start of a Sequential."""

from __future__ import annotations

from typing import Any

from edgekit_converters.keras_files.description import (
    Description,
    Layer,
    is_model,
    layer_name,
    model_layers,
)
from edgekit_converters.keras_files.upgrade.call_nodes import is_tensor
from edgekit_runtime.errors import ModelFileError

_MODES = {
    "sum": "Add",
    "mul": "Multiply",
    "concat": "Concatenate",
    "ave": "Average",
    "max": "Maximum",
    "dot": "Dot",
}
#: Merge layers that pass a single tensor through unchanged.
_OF_ANY_NUMBER = frozenset({"Concatenate", "Add", "Average", "Maximum", "Minimum", "Multiply"})


def join_merged_branches(description: Description) -> bool:
    """Convert a Sequential that starts with a ``Merge`` of other Sequentials to a functional model."""
    changed = False
    for path, model in description.models():
        if model["class_name"] == "Sequential" and model_layers(model) and _begins_with_branches(model):
            name = path[-1] if path else "sequential"
            model.update(class_name="Functional", config=_functional(name, model))
            changed = True
    return changed


def replace_merge(description: Description) -> bool:
    """Replace ``Merge(mode="concat")`` by ``Concatenate``, and so on."""
    changed = False
    for _, layer in description.layers():
        if layer["class_name"] == "Merge":
            _replace(layer)
            changed = True
    return changed


def replace_merges_of_one(description: Description) -> bool:
    """Replace a merge of a single tensor, which Keras 3 refuses to build, by that tensor."""
    changed = False
    for _, layer in description.layers():
        nodes = layer.get("inbound_nodes") or []
        if layer["class_name"] in _OF_ANY_NUMBER and nodes and all(map(_single_tensor, nodes)):
            # The first tensor of each call, without the list around it.
            layer["inbound_nodes"] = [{"args": [_single_tensor(node)], "kwargs": {}} for node in nodes]
            layer.update(class_name="Identity", config={"name": layer_name(layer)})
            changed = True
    return changed


def _single_tensor(node: dict[str, Any]) -> Any:
    """The only tensor that a call merges; None if there are several."""
    args = node.get("args") or [None]
    merged = args[0] if isinstance(args[0], (list, tuple)) else args[:1]
    return merged[0] if len(merged) == 1 and is_tensor(merged[0]) else None


def _begins_with_branches(model: Layer) -> bool:
    first = model_layers(model)[0]
    return first["class_name"] == "Merge" and bool(first["config"].get("layers"))


def _functional(name: str, model: Layer) -> dict[str, Any]:
    merge, *rest = model_layers(model)
    layers: list[Layer] = []
    inputs: list[list[Any]] = []
    branches = [_add_branch(branch, layers, inputs) for branch in merge["config"].pop("layers")]
    merge["inbound_nodes"] = [[[branch, 0, 0] for branch in branches]]
    last = layer_name(merge)
    layers.append(merge)
    for layer in rest:
        last = _add_call(layer, last, layers)
    return {"name": name, "layers": layers, "input_layers": inputs, "output_layers": [[last, 0, 0]]}


def _add_branch(branch: Layer, layers: list[Layer], inputs: list[list[Any]]) -> str:
    """Add a branch's layers and its input; return the name of its last layer."""
    if not is_model(branch) or branch["class_name"] != "Sequential":
        raise ModelFileError(
            f"The Merge of this model joins a {branch['class_name']}, which edgekit cannot read.",
            expected="Sequential branches",
            next_step="rebuild the model with the functional API, and load its weights",
        )
    if _begins_with_branches(branch):
        nested = _functional(layer_name(branch), branch)
        layers += nested["layers"]
        inputs += nested["input_layers"]
        return str(nested["output_layers"][0][0])
    last = f"{layer_name(model_layers(branch)[0])}_input"
    first = model_layers(branch)[0]["config"]
    config = {
        "batch_input_shape": first.get("batch_input_shape"),
        "dtype": first.get("input_dtype") or "float32",
        "name": last,
    }
    layers.append({"class_name": "InputLayer", "config": config, "name": last, "inbound_nodes": []})
    inputs.append([last, 0, 0])
    for layer in model_layers(branch):
        last = _add_call(layer, last, layers)
    return last


def _add_call(layer: Layer, previous: str, layers: list[Layer]) -> str:
    known = next((other for other in layers if layer_name(other) == layer_name(layer)), None)
    call = [[previous, 0, 0]]
    if known is None:
        layer.update(name=layer_name(layer), inbound_nodes=[call])
        layers.append(layer)
    elif call not in known["inbound_nodes"]:
        raise ModelFileError(
            f"Layer '{layer_name(layer)}' is shared by branches of a Merge, which edgekit cannot read.",
            next_step="rebuild the model with the functional API, and load its weights",
        )
    return layer_name(layer)


def _replace(layer: Layer) -> None:
    config = layer["config"]
    mode = config.get("mode")
    if mode not in _MODES:
        raise ModelFileError(
            f"Layer '{layer_name(layer)}' merges its inputs in a way that edgekit cannot read.",
            expected="sum, mul, concat, ave, max or dot",
            received=str(mode)[:40],
            next_step="rebuild this layer with Keras 3",
        )
    layer["class_name"] = _MODES[mode]
    layer["config"] = {"name": layer_name(layer)}
    if mode == "concat":
        layer["config"]["axis"] = config.get("concat_axis", -1)
    elif mode == "dot":
        axes = config.get("dot_axes", -1)
        # The earliest form was a pair of one-element lists.
        layer["config"]["axes"] = [a[0] if isinstance(a, list) else a for a in axes] if isinstance(axes, list) else axes
