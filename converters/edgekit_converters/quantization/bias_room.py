"""Weight ranges wide enough for a layer's bias.

An integer layer stores its bias as 32 bits in steps of input scale × weight scale. Where weights are tiny against the
bias, or all zero as in a dead filter, the bias does not fit; litert-quantizer would cut it off, and the layer answers
anything. Coarser steps for such weights cost little: they hardly count beside the bias.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import numpy as np

Statistics = dict[str, dict[str, np.ndarray]]

#: Places of the data, the weights and the bias among an operator's inputs, and the axis of the weights' channels.
_LAYERS = {
    "CONV_2D": (0, 1, 2, 0),
    "DEPTHWISE_CONV_2D": (0, 1, 2, 3),
    "FULLY_CONNECTED": (0, 1, 2, 0),
    "TRANSPOSE_CONV": (2, 1, 3, 0),
}
#: Half of what 32 bits hold: the input's scale may still come out a little smaller than reckoned here.
_LARGEST_BIAS_CODE = 2**30
_LARGEST_WEIGHT_CODE = 127


def widened_weights(
    model: bytes, statistics: Statistics, *, activation_bits: int, per_tensor_operators: Collection[str] | None
) -> Statistics:
    """Ranges for those weights that leave no room for their bias; the others are left out.

    Args:
        model: The float32 FlatBuffer.
        statistics: Range of every activation.
        activation_bits: 8 or 16.
        per_tensor_operators: Kinds of operators whose weights have one scale; None stands for all kinds.
    """
    widened: Statistics = {}
    for kind, data, weights, bias, name in _biased_layers(model):
        if data not in statistics:
            continue
        axis = _LAYERS[kind][3]
        others = tuple(number for number in range(weights.ndim) if number != axis)
        largest = np.abs(weights).max(axis=others, keepdims=True)
        input_scale = _scale(statistics[data], activation_bits)
        needed = np.abs(bias) / (input_scale * _LARGEST_BIAS_CODE) * _LARGEST_WEIGHT_CODE
        bound = np.maximum(largest, needed.reshape(largest.shape))
        if per_tensor_operators is None or kind in per_tensor_operators:
            largest, bound = largest.max(keepdims=True), bound.max(keepdims=True)
        if np.any(bound > largest):
            bound = np.maximum(bound, widened[name]["max"]) if name in widened else bound
            widened[name] = {"min": -bound, "max": bound}
    return widened


def _scale(limits: dict[str, np.ndarray], activation_bits: int) -> float:
    """Scale of an activation with these limits: int16 is symmetric, int8's range takes in 0."""
    low, high = min(limits["min"].item(), 0.0), max(limits["max"].item(), 0.0)
    return max(-low, high) / 32767 if activation_bits == 16 else (high - low) / 255


def _biased_layers(model: bytes) -> Iterator[tuple[str, str, np.ndarray, np.ndarray, str]]:
    """Kind, name of the data's tensor, weights, bias, name of the weights' tensor, of each layer outside of loops."""
    from ai_edge_litert.tools import flatbuffer_utils

    graph_file = flatbuffer_utils.read_model_from_bytearray(bytearray(model))
    graph = graph_file.subgraphs[0]
    for operator in graph.operators:
        kind = flatbuffer_utils.opcode_to_name(graph_file, operator.opcodeIndex)
        if kind not in _LAYERS:
            continue
        data, weights, bias, _ = _LAYERS[kind]
        if len(operator.inputs) <= bias or operator.inputs[bias] == -1:
            continue
        tensors = [graph.tensors[operator.inputs[place]] for place in (data, weights, bias)]
        values = [_constant(graph_file, tensor) for tensor in tensors[1:]]
        if values[0] is not None and values[1] is not None:
            yield kind, tensors[0].name.decode(), values[0], values[1], tensors[1].name.decode()


def _constant(graph_file: Any, tensor: Any) -> np.ndarray | None:
    """The values of a float32 constant; None for what is computed."""
    buffer = graph_file.buffers[tensor.buffer].data
    if buffer is None or len(buffer) == 0:
        return None
    return np.frombuffer(buffer, "<f4").reshape(tensor.shape)
