"""Recurrent layers: earlier layouts of their weights, and masks together with an initial state."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from edgekit_converters.keras_files.description import (
    Description,
    Layer,
    layer_name,
    model_layers,
    replacement_layer,
)
from edgekit_converters.keras_files.upgrade.call_nodes import tensor

# Keras 1 stored (kernel, recurrent kernel, bias) for each gate; the order of the LSTM's gates was i, c, f, o.
_KERAS1_GATES = {12: (0, 2, 1, 3), 9: (0, 1, 2)}


def join_gates(description: Description) -> bool:
    """Join the weights that Keras 1 stored per gate: 12 arrays of an LSTM or 9 of a GRU become three."""
    changed = False
    for path, layer in description.layers():
        if layer["class_name"] not in ("LSTM", "GRU", "ConvLSTM2D"):
            continue
        for weights_path in description.weight_paths(path):
            arrays = description.weights[weights_path]
            if len(arrays) in _KERAS1_GATES:
                gates = _KERAS1_GATES[len(arrays)]
                axis = 0 if arrays[0].ndim == 4 and _channels_first(layer) else -1
                description.weights[weights_path] = [
                    np.concatenate([arrays[3 * gate + kind] for gate in gates], axis=axis if kind < 2 else -1)
                    for kind in range(3)
                ]
                changed = True
    return changed


def replace_cudnn_layers(description: Description) -> bool:
    """Replace ``CuDNNLSTM`` and ``CuDNNGRU``, which store transposed kernels and two biases; see ``_plain_weights``."""
    changed = False
    for path, layer in description.layers():
        if layer["class_name"] not in ("CuDNNLSTM", "CuDNNGRU"):
            continue
        kind = layer["class_name"].removeprefix("CuDNN")
        for weights_path in description.weight_paths(path):
            description.weights[weights_path] = _plain_weights(kind, description.weights[weights_path])
        layer["class_name"] = kind
        layer["config"].update(activation="tanh", recurrent_activation="sigmoid", use_bias=True)
        if kind == "GRU":
            layer["config"]["reset_after"] = True
        changed = True
    return changed


def _channels_first(layer: Layer) -> bool:
    return bool(layer["config"].get("data_format") == "channels_first")


def _plain_weights(kind: str, arrays: list[np.ndarray]) -> list[np.ndarray]:
    kernel, recurrent_kernel, biases = arrays
    gates = 4 if kind == "LSTM" else 3
    two_biases = biases.reshape(2, -1)
    return [
        _each_gate(kernel, gates, lambda part: part.T.reshape(part.shape, order="F")),
        _each_gate(recurrent_kernel, gates, np.transpose),
        # An LSTM adds the two biases; a GRU with reset_after applies the recurrent one inside its reset gate.
        two_biases.sum(axis=0) if kind == "LSTM" else two_biases,
    ]


def _each_gate(kernel: np.ndarray, gates: int, change: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    return np.concatenate([change(part) for part in np.split(kernel, gates, axis=1)], axis=1)


def pass_masks_on(description: Description) -> bool:
    """Pass masks explicitly: Keras 3 ignores the input's mask if there is an initial state, which Keras 2 did not."""
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
