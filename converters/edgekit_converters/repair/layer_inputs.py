"""Measures how the values that a layer reads vary together: what an error of its weights does to its output."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from edgekit_converters.repair.channel_statistics import batches
from edgekit_converters.repair.graph import EditableGraph
from edgekit_converters.repair.layers import Layer, layers
from edgekit_converters.tensor_values import TensorValues
from edgekit_runtime.tflite.tflite_model import TfliteModel

#: Layers that read more values per output than this keep their weights: the covariance would take too much memory.
_MOST_VALUES = 2400
#: Positions of each image that are looked at, spread evenly.
_POSITIONS = 128


@dataclass(frozen=True, slots=True)
class LayerInputs:
    """Moments of the values that one output of a layer reads, in the order of its weights (tap, channel).

    Attributes:
        mean: float64 (G, K): G is 1, or for a depthwise layer the number of its output channels.
        covariance: float64 (G, K, K).
    """

    mean: np.ndarray
    covariance: np.ndarray


def measure_layer_inputs(model: TfliteModel, inputs: Mapping[str, np.ndarray]) -> dict[int, LayerInputs]:
    """Measure what the convolutions and dense layers of a float model read.

    Args:
        model: A float32 model.
        inputs: Examples by input name, (N, …).
    Returns:
        Moments by the tensor number of the layer's output, without layers that cannot be measured.
    """
    graph = EditableGraph(model)
    wanted = [layer for layer in layers(graph) if _is_measurable(graph, layer)]
    values = TensorValues(model)
    sums: dict[int, tuple[np.ndarray, np.ndarray, int]] = {}
    for batch in batches(values, inputs):
        values.run(batch)
        for layer in wanted:
            rows = _rows(graph, layer, values.real(values.tensors[layer.data]))
            total, products, count = sums.get(layer.output, (0.0, 0.0, 0))
            sums[layer.output] = (
                total + rows.sum(1, dtype=np.float64),
                products + np.matmul(rows.transpose(0, 2, 1), rows).astype(np.float64),
                count + rows.shape[1],
            )
    measured = {}
    for output, (total, products, count) in sums.items():
        mean = total / count
        measured[output] = LayerInputs(mean, products / count - mean[:, :, None] * mean[:, None, :])
    return measured


def _is_measurable(graph: EditableGraph, layer: Layer) -> bool:
    _, taps, width = layer.weights.shape
    if layer.node.kind not in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED") or taps * width > _MOST_VALUES:
        return False
    is_grouped = layer.node.kind == "CONV_2D" and len(layer.channels) > 1
    return not is_grouped and graph.constant(layer.data) is None


def _rows(graph: EditableGraph, layer: Layer, data: np.ndarray) -> np.ndarray:
    """The values behind each output, float32 (G, N, K)."""
    if layer.node.kind == "FULLY_CONNECTED":
        return data.reshape(1, -1, layer.weights.shape[2])
    options = layer.node.options
    kernel = graph.shape(layer.node.inputs[1])[1:3]
    strides, dilations = (options.strideH, options.strideW), (options.dilationHFactor, options.dilationWFactor)
    # The enumeration of the schema: SAME is 0, VALID is 1.
    sizes = [
        -(-size // stride) if options.padding == 0 else (size - (taps - 1) * dilation - 1) // stride + 1
        for size, stride, taps, dilation in zip(data.shape[1:3], strides, kernel, dilations, strict=True)
    ]
    padding = [
        max((count - 1) * stride + (taps - 1) * dilation + 1 - size, 0) if options.padding == 0 else 0
        for count, stride, taps, dilation, size in zip(sizes, strides, kernel, dilations, data.shape[1:3], strict=True)
    ]
    padded = np.pad(data, [(0, 0), *((each // 2, each - each // 2) for each in padding), (0, 0)])
    step = max(1, sizes[0] * sizes[1] // _POSITIONS)
    taps = [
        padded[
            :,
            row * dilations[0] : row * dilations[0] + (sizes[0] - 1) * strides[0] + 1 : strides[0],
            column * dilations[1] : column * dilations[1] + (sizes[1] - 1) * strides[1] + 1 : strides[1],
        ].reshape(-1, data.shape[-1])[::step]
        for row in range(kernel[0])
        for column in range(kernel[1])
    ]
    patches = np.stack(taps, 1)
    if layer.node.kind == "DEPTHWISE_CONV_2D":
        return patches.transpose(2, 0, 1)[layer.channels[:, 0]]
    return patches.reshape(1, len(patches), -1)
