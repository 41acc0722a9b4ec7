"""Which tensor of a .tflite corresponds to which layer of the Keras model it was made from.

Names do not say: TensorFlow numbers the scopes of layers anew, so that ``conv2d_1`` may be the scope of the layer
``conv2d``, and fused operators carry the names of several layers. Values do: in the model's float32 form a layer's
tensor holds what the layer gives, and quantization keeps the names of the tensors.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from edgekit.parity.layers.keras import LayerOutput
from edgekit_converters.tensor_values import TensorValues
from edgekit_runtime.tflite.description import TensorDescription

#: The same arithmetic in another order: far above float32's rounding, far below what a layer changes.
_SAME = 1e-3
#: A quantized tensor of other names is taken for a layer's where its values point the same way.
_ALIKE = 0.98


def tensors_of_layers(
    layers: Sequence[LayerOutput],
    float_values: TensorValues,
    candidate_values: TensorValues,
) -> Mapping[str, TensorDescription]:
    """Find the tensor of each layer.

    Args:
        layers: What each layer gave for one batch.
        float_values: The model's float32 form after a run on the same batch.
        candidate_values: The form in question after the same.
    Returns:
        The candidate's tensor for each layer by name; none for a layer that was fused into a later one.
    """
    by_name: dict[str, TensorDescription] = {}
    for tensor in candidate_values.activations():
        # A float tensor and its quantized twin may share a name: the codes say more.
        if tensor.name not in by_name or tensor.scales:
            by_name[tensor.name] = tensor
    found = {}
    for layer in layers:
        same = _same_tensor(layer, float_values)
        if same is None:
            continue
        held = by_name.get(same.name) or _alike_tensor(layer, candidate_values)
        if held is not None:
            found[layer.name] = held
    return found


def _same_tensor(layer: LayerOutput, values: TensorValues) -> TensorDescription | None:
    """The float tensor that holds the layer's values; of several (a flatten changes none) the one of its shape."""
    matches = []
    reference = layer.values.ravel()
    limit = _SAME * float(np.linalg.norm(reference))
    for tensor in values.activations():
        held = values.real(tensor)
        if held.size == reference.size and _distance(held, reference) <= limit:
            matches.append((held.shape != layer.values.shape, tensor.index, tensor))
    return min(matches)[2] if matches else None


def _distance(held: np.ndarray, reference: np.ndarray) -> float:
    # A tensor that only a loop's body writes may hold anything, infinity too.
    with np.errstate(invalid="ignore", over="ignore"):
        return float(np.linalg.norm(held.ravel().astype(np.float64) - reference))


def _alike_tensor(layer: LayerOutput, values: TensorValues) -> TensorDescription | None:
    reference = layer.values.ravel()
    best, best_cosine = None, _ALIKE
    for tensor in values.activations():
        held = values.real(tensor).ravel().astype(np.float64)
        if held.size != reference.size or not np.isfinite(held).all():
            continue
        length = float(np.linalg.norm(held)) * float(np.linalg.norm(reference))
        cosine = float(np.dot(held, reference)) / length if length else 0.0
        if cosine > best_cosine:
            best, best_cosine = tensor, cosine
    return best
