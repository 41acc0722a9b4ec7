"""Finds the tensor of a .tflite that corresponds to each layer of the Keras model.

Names are not reliable: TensorFlow renumbers the scopes of layers, so ``conv2d_1`` may be the scope of the layer
``conv2d``, and fused operators have the names of several layers. Values are: in the float32 model, a layer's tensor
contains the layer's output, and quantization keeps the names of tensors.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from edgekit.parity.layers.keras import LayerOutput
from edgekit_converters.tensor_values import TensorValues
from edgekit_runtime.tflite.description import TensorDescription

#: Relative difference of equal values: far above float32 rounding, far below what a layer changes.
_SAME = 1e-3
#: Minimum cosine similarity for a quantized tensor with another name to be considered a layer's tensor.
_ALIKE = 0.98


def tensors_of_layers(
    layers: Sequence[LayerOutput],
    float_values: TensorValues,
    candidate_values: TensorValues,
) -> Mapping[str, TensorDescription]:
    """Find the tensor of each layer.

    Args:
        layers: Outputs of each layer for one batch.
        float_values: Values of the float32 model after a run on the same batch.
        candidate_values: Values of the candidate after a run on the same batch.
    Returns:
        Tensor of the candidate by layer name; without layers that were fused into later ones.
    """
    by_name: dict[str, TensorDescription] = {}
    for tensor in candidate_values.activations():
        # A float tensor and its quantized counterpart may share a name; the quantized one is preferred.
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
    """The float tensor with the layer's values; of several, for example after a flatten, the one of the same shape."""
    matches = []
    reference = layer.values.ravel()
    limit = _SAME * float(np.linalg.norm(reference))
    for tensor in values.activations():
        held = values.real(tensor)
        if held.size == reference.size and _distance(held, reference) <= limit:
            matches.append((held.shape != layer.values.shape, tensor.index, tensor))
    return min(matches)[2] if matches else None


def _distance(held: np.ndarray, reference: np.ndarray) -> float:
    # A tensor that only a loop body writes may contain any value, even infinity.
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
