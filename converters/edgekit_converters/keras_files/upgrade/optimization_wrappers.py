"""Removes wrappers of the TensorFlow Model Optimization toolkit, whose classes Keras 3 does not have.

Each wraps one layer for training. Inference needs only that layer with its weights.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from edgekit_converters.keras_files.description import Description, LearntRange, is_layer, layer_name
from edgekit_converters.keras_files.stored_weights import NamedArrays
from edgekit_converters.keras_files.wrapper_layers import wrapper_record

#: Names of arrays that belong to the wrappers.
_OWN_ARRAY = re.compile(
    r"optimizer_step|pruning_step|mask|threshold|\w+_(min|max)|(cluster_centroids|pulling_indices)_\w+"
)
_PRE_ACTIVATION = "pre_activation"
#: The toolkit's names for the range of a layer's activations; ``QuantizeLayer`` uses its own name.
_ACTIVATION_RANGE = re.compile(rf"(output|post_activation|{_PRE_ACTIVATION}|quantize_layer(?:_\d+)?)_(min|max)")


def unwrap_optimization(description: Description) -> bool:
    """Replace the wrapper by the wrapped layer, under the wrapper's name, and record where its weights are."""
    for path, layer in description.layers():
        kind, config = layer["class_name"], layer["config"]
        if kind == "QuantizeLayer":  # It rounds the model's input during training.
            layer.update(class_name="Identity", config=_kept(config))
        elif wrapper_record(layer).is_unwrapped and is_layer(config.get("layer")):
            inner = config["layer"]
            layer.update(class_name=inner["class_name"], config={**inner["config"], **_kept(config)})
            layer.pop("module", None)
            layer.pop("registered_name", None)
            _unwrap_activation(layer["config"])
        else:
            continue
        layer["config"]["name"] = str(layer.get("name") or config.get("name") or layer_name(layer))
        description.unwrapped[path] = kind
    return bool(description.unwrapped)


def weights_of_unwrapped(kind: str, arrays: NamedArrays) -> NamedArrays:
    """Select the weights of a layer from the arrays of its wrapper, in the layer's order."""
    by_name = {_last_part(name): array for name, array in arrays}
    own = [(name, array) for name, array in arrays if not _OWN_ARRAY.fullmatch(_last_part(name))]
    if kind != "ClusterWeights":
        return own
    # The toolkit appends the weights that it clusters, and computes with their centroids.
    clustered = [(name, _clustered(by_name, _last_part(name), array)) for name, array in own]
    return sorted(clustered, key=lambda entry: _last_part(entry[0]) == "bias")


def learnt_range(arrays: NamedArrays) -> LearntRange | None:
    """The range of the activations among the arrays of a wrapper; None if training left none."""
    ends: dict[str, dict[str, float]] = {}
    for name, array in arrays:
        found = _ACTIVATION_RANGE.fullmatch(_last_part(name))
        if found and array.size == 1 and array.dtype.kind == "f":
            ends.setdefault(found[1], {})[found[2]] = float(array.item())
    for place, values in ends.items():
        low, high = values.get("min", np.nan), values.get("max", np.nan)
        if np.isfinite([low, high]).all() and low < high:
            return LearntRange(low, high, before_activation=place == _PRE_ACTIVATION)
    return None


def _clustered(by_name: dict[str, np.ndarray], name: str, weight: np.ndarray) -> np.ndarray:
    centroids, indices = by_name.get(f"cluster_centroids_{name}"), by_name.get(f"pulling_indices_{name}")
    if centroids is None or indices is None:
        return weight
    return np.asarray(centroids[indices.astype(np.int64)].reshape(weight.shape))


def _last_part(name: str) -> str:
    return name.rpartition("/")[2].partition(":")[0]


def _kept(config: dict[str, Any]) -> dict[str, Any]:
    """Keep what the first layer of a Sequential states about the model's input."""
    return {key: config[key] for key in ("batch_input_shape", "dtype") if config.get(key) is not None}


def _unwrap_activation(config: dict[str, Any]) -> None:
    activation = config.get("activation")
    if isinstance(activation, dict) and activation.get("class_name") == "QuantizeAwareActivation":
        activation = activation["config"]["activation"]
    if isinstance(activation, dict) and activation.get("class_name") == "NoOpActivation":
        activation = "linear"
    if activation is not None:
        config["activation"] = activation
