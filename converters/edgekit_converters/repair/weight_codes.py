"""Knows the scales and codes that the quantizer will give to weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from edgekit_converters.quantization.recipes import INT4_OPERATORS
from edgekit_converters.quantization.weight_bounds import least_squares_bounds
from edgekit_converters.repair.graph import EditableGraph
from edgekit_converters.repair.layer_inputs import LayerInputs
from edgekit_converters.repair.layers import Layer, is_shared, layers, replace_bias


@dataclass(frozen=True, slots=True)
class WeightCodes:
    """How weights are quantized.

    Attributes:
        bits: 8 for all layers, or 4 for those that have weights of 4 bits.
        has_one_scale: Whether the weights of a layer share one scale.
    """

    bits: int = 8
    has_one_scale: bool = False

    @property
    def limits(self) -> tuple[int, int]:
        """Smallest and largest code; 8 bits leave out -128, as LiteRT's weights do."""
        return (-8, 7) if self.bits == 4 else (-127, 127)

    def scales(self, rows: np.ndarray) -> np.ndarray:
        """Scale of each row of weights (O, K) as the quantizer chooses it, float64 (O, 1)."""
        together = rows.reshape(1, -1) if self.has_one_scale else rows
        is_small = self.bits == 4
        bounds = least_squares_bounds(together.astype(np.float32)) if is_small else np.abs(together).max(1)
        # A row of zeros is exact with any scale.
        scales = np.where(bounds > 0, bounds, 1.0).astype(np.float64) / self.limits[1]
        return np.broadcast_to(scales[:, None], (len(rows), 1))

    def layers(self, graph: EditableGraph, inputs: Mapping[int, LayerInputs]) -> list[Layer]:
        """The measured layers whose weights have these codes and are their own."""
        return [
            layer
            for layer in layers(graph)
            if layer.output in inputs
            and not is_shared(graph, layer)
            and (self.bits == 8 or layer.node.kind in INT4_OPERATORS)
        ]


INT8_WEIGHTS = WeightCodes()


def weight_rows(layer: Layer) -> np.ndarray:
    """The weights of a layer by output channel, float64 (O, K)."""
    return layer.weights.reshape(len(layer.weights), -1).astype(np.float64)


def correct_bias(graph: EditableGraph, layer: Layer, errors: np.ndarray, moments: LayerInputs) -> None:
    """Take the mean of what errors of the weights (O, K) do to the output out of the bias, if there is one."""
    if layer.has_bias:
        replace_bias(graph, layer, layer.bias - (errors * moments.mean).sum(1))
