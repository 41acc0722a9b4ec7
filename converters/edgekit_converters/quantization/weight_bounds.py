"""Ranges of weights for which litert-quantizer's choice is unsuitable: 4 bits, and layers with a large bias.

An integer layer stores its bias as 32 bits in steps of input scale × weight scale. If the weights are tiny compared to
the bias, or all zero as in a dead filter, the bias does not fit; litert-quantizer would truncate it, and the layer's
output would be meaningless. Coarser steps for such weights cost little, since the bias dominates.

With 4 bits, the widest weight alone must not determine the 15 steps: the range with the least squared error is used.
(litert-quantizer's own search gives dead filters a scale of 0, which no interpreter accepts.)
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgekit_converters.quantization.recipes import needs_channel_scales

Statistics = dict[str, dict[str, np.ndarray]]

#: Positions of the data, the weights and the bias among an operator's inputs, and the channel axis of the weights.
_LAYERS = {
    "CONV_2D": (0, 1, 2, 0),
    "DEPTHWISE_CONV_2D": (0, 1, 2, 3),
    "FULLY_CONNECTED": (0, 1, 2, 0),
    "TRANSPOSE_CONV": (2, 1, 3, 0),
}
#: Half of the 32-bit range: the input's scale may turn out slightly smaller than computed here.
_LARGEST_BIAS_CODE = 2**30
_LARGEST_WEIGHT_CODE = 127
_LARGEST_INT4_CODE = 7
#: Shares of the widest weight that are tried with 4 bits. The last ones reproduce weights that are codes already, of
#: which the largest is 6 to 1: fine-tuning and adaptive rounding write such weights.
_CLIPPED_SHARES = np.array([*np.linspace(0.3, 1, 29), *(_LARGEST_INT4_CODE / code for code in range(6, 0, -1))])


@dataclass(frozen=True, slots=True)
class _Layer:
    """One operator with constant weights.

    Attributes:
        kind: Name of the builtin.
        data: Name of the tensor that it reads.
        data_channels: Size of that tensor's last axis.
        name: Name of the weight tensor.
        weights: Values of the weights.
        bias: One value per channel, or None.
    """

    kind: str
    data: str
    data_channels: int
    name: str
    weights: np.ndarray
    bias: np.ndarray | None

    def by_channel(self, one_scale: bool) -> np.ndarray:
        """The weights as rows (channels, rest), or as a single row if they have one scale."""
        if one_scale:
            return self.weights.reshape(1, -1)
        return np.moveaxis(self.weights, _LAYERS[self.kind][3], 0).reshape(self.channels, -1)

    @property
    def needs_channel_scales(self) -> bool:
        """Whether the kernel with float activations needs one scale per channel."""
        return needs_channel_scales(self.kind, self.data_channels, self.weights.shape)

    @property
    def channels(self) -> int:
        """Number of output channels."""
        return int(self.weights.shape[_LAYERS[self.kind][3]])

    def as_statistics(self, bounds: np.ndarray) -> dict[str, np.ndarray]:
        """Convert bounds, one per row of ``by_channel``, to litert-quantizer's form."""
        sizes = [1] * self.weights.ndim
        if len(bounds) > 1:
            sizes[_LAYERS[self.kind][3]] = len(bounds)
        shaped = bounds.astype(np.float32).reshape(sizes)
        return {"min": -shaped, "max": shaped}


def int4_weights(model: bytes, *, kinds: Collection[str], per_tensor_operators: Collection[str] | None) -> Statistics:
    """Return the ranges with the least squared error in 4 bits, by name of the weight tensor.

    Args:
        model: The float32 FlatBuffer.
        kinds: Kinds of operators that get 4-bit weights.
        per_tensor_operators: Kinds of operators whose weights have one scale; None means all kinds.
    """
    bounds: Statistics = {}
    for layer in _layers(model, inside_loops=True):
        if layer.kind in kinds and layer.name not in bounds:
            has_one_scale = _has_one_scale(layer.kind, per_tensor_operators)
            rows = layer.by_channel(has_one_scale and not layer.needs_channel_scales)
            bounds[layer.name] = layer.as_statistics(least_squares_bounds(rows))
    return bounds


def widened_weights(
    model: bytes, statistics: Statistics, *, activation_bits: int, per_tensor_operators: Collection[str] | None
) -> Statistics:
    """Return wider ranges for weights that leave no room for their bias; the others are left out.

    Args:
        model: The float32 FlatBuffer.
        statistics: Range of every activation.
        activation_bits: 8 or 16.
        per_tensor_operators: Kinds of operators whose weights have one scale; None means all kinds.
    """
    widened: dict[str, np.ndarray] = {}
    result: Statistics = {}
    for layer in _layers(model, inside_loops=False):
        if layer.bias is None or layer.data not in statistics:
            continue
        largest = np.abs(layer.by_channel(False)).max(axis=1)
        input_scale = _scale(statistics[layer.data], activation_bits)
        bounds = np.maximum(largest, np.abs(layer.bias) / (input_scale * _LARGEST_BIAS_CODE) * _LARGEST_WEIGHT_CODE)
        if _has_one_scale(layer.kind, per_tensor_operators):
            largest, bounds = largest.max(keepdims=True), bounds.max(keepdims=True)
        if np.any(bounds > largest):
            # Several layers may share their weights.
            widened[layer.name] = np.maximum(bounds, widened.get(layer.name, bounds))
            result[layer.name] = layer.as_statistics(widened[layer.name])
    return result


def _has_one_scale(kind: str, per_tensor_operators: Collection[str] | None) -> bool:
    return per_tensor_operators is None or kind in per_tensor_operators


def least_squares_bounds(rows: np.ndarray) -> np.ndarray:
    """For each row, the largest value of the 4-bit range that gives the least squared error."""
    largest = np.abs(rows).max(axis=1, keepdims=True)
    # A row of zeros is exact with any range.
    largest = np.where(largest == 0, 1, largest)
    best, least = largest, np.full(largest.shape, np.inf)
    for share in _CLIPPED_SHARES:
        scale = (share * largest / _LARGEST_INT4_CODE).astype(np.float32)
        codes = np.clip(np.rint(rows / scale), -_LARGEST_INT4_CODE - 1, _LARGEST_INT4_CODE)
        error = np.square(codes * scale - rows).sum(axis=1, keepdims=True)
        best = np.where(error < least, share * largest, best)
        least = np.minimum(error, least)
    return best[:, 0]


def _scale(limits: dict[str, np.ndarray], activation_bits: int) -> float:
    """Scale of an activation with these limits: int16 is symmetric, and the range of int8 includes 0."""
    low, high = min(limits["min"].item(), 0.0), max(limits["max"].item(), 0.0)
    return max(-low, high) / 32767 if activation_bits == 16 else (high - low) / 255


def _layers(model: bytes, *, inside_loops: bool) -> Iterator[_Layer]:
    """Yield every layer with constant weights; those inside loops, whose activations stay in float, on request."""
    from ai_edge_litert.tools import flatbuffer_utils

    graph_file = flatbuffer_utils.read_model_from_bytearray(bytearray(model))
    for graph in graph_file.subgraphs if inside_loops else graph_file.subgraphs[:1]:
        for operator in graph.operators:
            kind = flatbuffer_utils.opcode_to_name(graph_file, operator.opcodeIndex)
            if kind in _LAYERS and (layer := _layer(graph_file, graph, operator, kind)) is not None:
                yield layer


def _layer(graph_file: Any, graph: Any, operator: Any, kind: str) -> _Layer | None:
    """Return None if the weights are computed."""
    data, weights, bias, _ = (operator.inputs[p] if p < len(operator.inputs) else -1 for p in _LAYERS[kind])
    values = _constant(graph_file, graph.tensors[weights])
    if values is None:
        return None
    return _Layer(
        kind=kind,
        data=graph.tensors[data].name.decode(),
        data_channels=int(graph.tensors[data].shape[-1]),
        name=graph.tensors[weights].name.decode(),
        weights=values,
        bias=None if bias == -1 else _constant(graph_file, graph.tensors[bias]),
    )


def _constant(graph_file: Any, tensor: Any) -> np.ndarray | None:
    """The values of a float32 constant; None for a computed tensor."""
    buffer = graph_file.buffers[tensor.buffer].data
    if buffer is None or len(buffer) == 0:
        return None
    return np.frombuffer(buffer, "<f4").reshape(tensor.shape)
