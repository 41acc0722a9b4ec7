"""Activations: stored as names, functions or layers. One of them changed its meaning."""

from __future__ import annotations

from typing import Any

from edgekit_converters.keras_files.description import Description, is_model

_KEYS = ("activation", "recurrent_activation")
_HARD_SIGMOID = {
    "module": "builtins",
    "class_name": "function",
    "config": "edgekit>hard_sigmoid_keras2",
    "registered_name": "edgekit>hard_sigmoid_keras2",
}
_NAMES = {"hard_swish": "hard_silu", "softmax_v2": "softmax", "leaky_relu": "leaky_relu", "lrelu": "leaky_relu"}


def name_activations(description: Description) -> bool:
    """Replace an activation that is stored as a function object by its name."""
    changed = False
    for _, layer in description.layers():
        for key in _KEYS:
            value = _activation(layer, key)
            if isinstance(value, dict) and value.get("class_name") in ("function", "str"):
                name = str(value["config"]).rpartition(">")[2]
                layer["config"][key] = name
                changed = True
            elif isinstance(value, str) and value in _NAMES:
                changed |= _NAMES[value] != value
                layer["config"][key] = _NAMES[value]
    return changed


def keep_hard_sigmoid(description: Description) -> bool:
    """Keep the ``hard_sigmoid`` of Keras 1 and 2, ``clip(0.2 x + 0.5, 0, 1)``; Keras 3 has ``relu6(x + 3) / 6``."""
    if description.era > 2:
        return False
    changed = False
    for _, layer in description.layers():
        for key in _KEYS:
            if _activation(layer, key) == "hard_sigmoid":
                layer["config"][key] = dict(_HARD_SIGMOID)
                changed = True
    return changed


def _activation(layer: dict[str, Any], key: str) -> Any:
    config = layer["config"]
    return None if is_model(layer) or not isinstance(config, dict) else config.get(key)
