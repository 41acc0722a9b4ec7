"""Layers with constant weights, in one form for convolutions, depthwise, transposed and dense layers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgekit_converters.repair.graph import EditableGraph, Node

#: Positions of the data, the weights and the bias among an operator's inputs.
_POSITIONS = {
    "CONV_2D": (0, 1, 2),
    "DEPTHWISE_CONV_2D": (0, 1, 2),
    "FULLY_CONNECTED": (0, 1, 2),
    "TRANSPOSE_CONV": (2, 1, 3),
}


@dataclass(frozen=True, slots=True)
class Layer:
    """One operator that multiplies its data by constant weights.

    Attributes:
        node: The operator.
        data: Tensor number of the data.
        output: Tensor number of the result.
        weights: float32 (O, T, I): output channels, taps of the kernel, input channels that an output channel reads.
        channels: Channel of the data that each weight reads, int64 (O, I) or (1, I).
        bias: float32 (O,), zeros if the operator has none.
        has_bias: Whether the operator has a bias.
    """

    node: Node
    data: int
    output: int
    weights: np.ndarray
    channels: np.ndarray
    bias: np.ndarray
    has_bias: bool


def layer_of(graph: EditableGraph, node: Node) -> Layer | None:
    """The layer of an operator; None if it is another kind of operator, or if its weights are computed."""
    if node.kind not in _POSITIONS:
        return None
    data, weights, bias = (node.inputs[p] if p < len(node.inputs) else -1 for p in _POSITIONS[node.kind])
    kernel, offsets = graph.constant(weights), graph.constant(bias)
    shape = graph.shape(data)
    if kernel is None or (bias != -1 and offsets is None) or not shape:
        return None
    rows = _rows(node.kind, kernel)
    channels = _channels(node.kind, rows, shape[-1])
    if channels is None:
        return None
    return Layer(
        node=node,
        data=data,
        output=node.outputs[0],
        weights=rows,
        channels=channels,
        bias=np.zeros(len(rows), np.float32) if offsets is None else offsets.reshape(-1),
        has_bias=offsets is not None,
    )


def layers(graph: EditableGraph) -> list[Layer]:
    """All layers of the graph, in execution order."""
    return [layer for node in graph.nodes if (layer := layer_of(graph, node)) is not None]


def is_shared(graph: EditableGraph, layer: Layer) -> bool:
    """Whether other operators read the same weights."""
    return graph.is_shared(layer.node.inputs[_POSITIONS[layer.node.kind][1]])


def replace_weights(graph: EditableGraph, layer: Layer, weights: np.ndarray) -> None:
    """Give a layer other weights (O, T, I)."""
    position = _POSITIONS[layer.node.kind][1]
    old = graph.constant(layer.node.inputs[position])
    assert old is not None, "a layer has constant weights"
    if layer.node.kind == "DEPTHWISE_CONV_2D":
        weights = weights[:, :, 0].T
    graph.replace_input(layer.node, position, weights.reshape(old.shape))


def replace_bias(graph: EditableGraph, layer: Layer, bias: np.ndarray) -> None:
    """Give a layer with a bias another one (O,)."""
    position = _POSITIONS[layer.node.kind][2]
    old = graph.constant(layer.node.inputs[position])
    assert old is not None, "only for layers with a bias"
    graph.replace_input(layer.node, position, bias.reshape(old.shape))


def _rows(kind: str, kernel: np.ndarray) -> np.ndarray:
    if kind == "FULLY_CONNECTED":
        return kernel[:, None, :]
    if kind == "DEPTHWISE_CONV_2D":
        return np.ascontiguousarray(kernel.reshape(-1, kernel.shape[-1]).T)[:, :, None]
    return kernel.reshape(len(kernel), -1, kernel.shape[-1])


def _channels(kind: str, rows: np.ndarray, data_channels: int) -> np.ndarray | None:
    """The channel that each weight reads; None if the shapes do not explain it."""
    outputs, _, inputs = rows.shape
    if kind == "DEPTHWISE_CONV_2D":
        return None if outputs % data_channels else np.arange(outputs)[:, None] // (outputs // data_channels)
    if kind == "FULLY_CONNECTED":
        # A dense layer may flatten its data itself.
        return None if inputs % data_channels else np.arange(inputs)[None] % data_channels
    if data_channels % inputs or outputs % (data_channels // inputs):
        return None
    groups = data_channels // inputs
    first = np.arange(outputs)[:, None] // (outputs // groups) * inputs
    return first + np.arange(inputs)[None] if groups > 1 else np.arange(inputs)[None]
