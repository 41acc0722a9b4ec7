"""Changes for inference on a device: no state between calls, a dynamic batch size, integers as indices."""

from __future__ import annotations

from typing import Any

from edgekit_converters.keras_files.description import Description, Layer, layer_name, model_layers
from edgekit_converters.keras_files.upgrade.call_nodes import tensors_of


def forget_state(description: Description) -> bool:
    """Make stateful layers, which carried their state from one batch to the next, stateless: calls are independent."""
    changed = False
    for _, layer in description.layers():
        if isinstance(layer["config"], dict) and layer["config"].get("stateful"):
            layer["config"]["stateful"] = False
            description.notes.append(f"Layer '{layer_name(layer)}' was stateful; each call now begins with no state.")
            changed = True
    return changed


def free_batch_size(description: Description) -> bool:
    """Make fixed batch sizes, which only matter in training, dynamic."""
    changed = False
    for _, layer in description.layers():
        if layer["class_name"] == "InputLayer":
            shape = layer["config"].get("batch_shape")
            if shape and shape[0] is not None:
                layer["config"]["batch_shape"] = [None, *shape[1:]]
                changed = True
    return changed


def index_inputs(description: Description) -> bool:
    """Make inputs that only embeddings read int32: they are indices, which quantization must not round."""
    changed = False
    for layer in _inputs(description.root):
        if layer["config"].get("dtype", "float32").startswith("float"):
            readers = {reader["class_name"] for reader in _readers(description.root, layer)}
            # NotEqual computes the mask of an embedding, which Keras 3 stores explicitly.
            if "Embedding" in readers and readers <= {"Embedding", "NotEqual"}:
                layer["config"]["dtype"] = "int32"
                changed = True
    return changed


def _inputs(model: Layer) -> list[Layer]:
    return [layer for layer in model_layers(model) if layer["class_name"] == "InputLayer"]


def _readers(model: Layer, source: Layer) -> list[Layer]:
    layers = model_layers(model)
    if model["class_name"] == "Sequential":
        return layers[1:2]

    def reads(node: Any) -> bool:
        return any(t["config"]["keras_history"][0] == layer_name(source) for t in tensors_of(node))

    return [layer for layer in layers if any(reads(node) for node in layer.get("inbound_nodes", []))]
