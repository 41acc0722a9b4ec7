"""Masks of recurrent layers that begin with a given state."""

from __future__ import annotations

from edgekit_converters.keras_files.description import (
    Description,
    Layer,
    layer_name,
    model_layers,
    replacement_layer,
)
from edgekit_converters.keras_files.upgrade.call_nodes import tensor


def pass_masks_on(description: Description) -> bool:
    """Keras 3 forgets the input's mask where an initial state is given too; Keras 2 kept it: pass it explicitly."""
    if description.era > 2 or not any(_makes_mask(layer) for _, layer in description.layers()):
        return False
    changed = False
    for _, model in description.models():
        for layer in list(model_layers(model)) if model["class_name"] == "Functional" else ():
            changed |= _pass_mask(model_layers(model), layer)
    return changed


def _makes_mask(layer: Layer) -> bool:
    return layer["class_name"] == "Masking" or (
        layer["class_name"] == "Embedding" and bool(layer["config"].get("mask_zero"))
    )


def _pass_mask(layers: list[Layer], layer: Layer) -> bool:
    nodes = [node for node in layer["inbound_nodes"] if "initial_state" in node["kwargs"]]
    if not nodes or any("mask" in node["kwargs"] for node in nodes):
        return False
    name = f"{layer_name(layer)}_mask"
    taker = replacement_layer("TakeMask", {"name": name})
    taker.update(name=name, inbound_nodes=[{"args": node["args"][:1], "kwargs": {}} for node in nodes])
    for number, node in enumerate(nodes):
        node["kwargs"]["mask"] = tensor(name, number, 0)
    layers.insert(layers.index(layer), taker)
    return True
