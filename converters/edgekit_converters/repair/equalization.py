"""Scales channels so that those which share an int8 range use it alike (cross-layer equalization).

A tensor has one scale in int8. If its channels are a thousandfold apart, the small ones get no codes at all. Each
channel is multiplied by a factor, and everything that reads it is divided by the same factor: exact in float.

Source: Nagel et al., Data-Free Quantization Through Weight Equalization and Bias Correction (2019), extended from pairs
of layers to all operators that pass factors on, and with measured activations.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from edgekit_converters.repair.channel_statistics import Channels
from edgekit_converters.repair.channels import FIXED, ChannelVariables, Gate, find_gates
from edgekit_converters.repair.graph import EditableGraph, Node
from edgekit_converters.repair.layers import layers, replace_bias, replace_weights
from edgekit_runtime.tflite.tflite_model import TfliteModel

#: How much the peaks of the activations decide, the rest being decided by the weights that read them.
EXPONENTS = (1.0, 0.8, 0.5)
#: Channels this much below the largest one are dead: a factor would only amplify what unseen inputs make of them.
_DEAD = 1e-7
_LARGEST_FACTOR = 2.0**20
#: The operand of a gate is freed if its median channel is this many times smaller than the largest one, or as many
#: times larger than the smallest one.
_WIDE = 16
_CONSTANT_SUMS = ("ADD", "SUB", "MAXIMUM", "MINIMUM")


def equalized(
    model: TfliteModel, channels: Mapping[int, Channels], *, exponent: float, frees_gates: bool = False
) -> TfliteModel:
    """Return the model with scaled channels; its predictions are the same up to rounding.

    Args:
        model: A float32 model.
        channels: Result of ``measure_channels`` on this model.
        exponent: Share of the activations in the factors, ``(1 / peak) ** exponent * weight ** (1 - exponent)``.
        frees_gates: Whether to scale the operand of ``x * sigmoid(x)`` as well, at the price of one more operator.
    """
    graph = EditableGraph(model)
    gates = wide_gates(graph, channels) if frees_gates else []
    if frees_gates and not gates:
        return model
    variables = ChannelVariables(graph, channels, gates=gates)
    factors = _factors(graph, variables, channels, exponent)
    if np.all(factors == 1):
        return model
    _scale_layers(graph, variables, factors)
    for node in graph.nodes:
        if node.kind in (*_CONSTANT_SUMS, "MUL", "DIV"):
            _scale_constant(graph, variables, factors, node)
    for gate in variables.gates:
        _undo_before_sigmoid(graph, gate.sigmoid, factors[variables.of(gate.data)])
    return graph.model()


def wide_gates(graph: EditableGraph, channels: Mapping[int, Channels]) -> list[Gate]:
    """The gates whose operands have channels so far apart that int8 loses some of them."""
    found = []
    for gate in find_gates(graph):
        peaks = channels[gate.data].peak if gate.data in channels else np.zeros(1)
        if peaks.max() > _WIDE * np.median(peaks) or np.median(peaks) > _WIDE * peaks.min():
            found.append(gate)
    return found


def _factors(
    graph: EditableGraph, variables: ChannelVariables, channels: Mapping[int, Channels], exponent: float
) -> np.ndarray:
    """Factor of each variable, float64 (V,)."""
    peaks = np.zeros(variables.count)
    for tensor in variables.tensors:
        np.maximum.at(peaks, variables.of(tensor), channels[tensor].peak)
    weights = np.zeros(variables.count)
    for layer in layers(graph):
        read = variables.of(layer.data)[np.broadcast_to(layer.channels, layer.weights[:, 0].shape)]
        np.maximum.at(weights, read, np.abs(layer.weights).max(1))
    factors = np.ones(variables.count)
    for group, fixed in _groups(variables):
        alive = group[peaks[group] > _DEAD * peaks[group].max(initial=0)]
        if not len(alive):
            continue
        # One common peak for the whole group; that of the fixed channels if there are any, because it cannot move.
        common = peaks[fixed].max() if len(fixed) and peaks[fixed].max() > 0 else _geometric_mean(peaks[alive])
        read = np.where(weights[alive] > 0, weights[alive], 1)
        factors[alive] = (common / peaks[alive]) ** exponent * (read / _geometric_mean(read)) ** (1 - exponent)
    # A channel that ReLU6 clips can only grow, and only as far as its values stay below 6.
    clipped = variables.clipped_at_6
    room = 6 / np.maximum(peaks[clipped], 1e-9)
    factors[clipped] = np.clip(factors[clipped], 1, np.maximum(room * 0.999, 1))
    factors[FIXED] = 1
    return np.clip(factors, 1 / _LARGEST_FACTOR, _LARGEST_FACTOR)


def _groups(variables: ChannelVariables) -> list[tuple[np.ndarray, np.ndarray]]:
    """Free variables that share tensors, directly or through others, and the places of fixed channels beside them."""
    owner = np.arange(variables.count)

    def root(variable: int) -> int:
        while owner[variable] != variable:
            owner[variable] = owner[owner[variable]]
            variable = int(owner[variable])
        return variable

    touching: set[int] = set()
    for tensor in variables.tensors:
        members = np.unique(variables.of(tensor))
        free = members[members != FIXED]
        for member in free[1:].tolist():
            one, other = sorted((root(int(free[0])), root(member)))
            owner[other] = one
        if len(free) and FIXED in members:
            touching.add(int(free[0]))
    used = np.unique(np.concatenate([variables.of(tensor) for tensor in variables.tensors] or [np.zeros(0, int)]))
    by_root: dict[int, list[int]] = {}
    for variable in used.tolist():
        if variable != FIXED:
            by_root.setdefault(root(variable), []).append(variable)
    beside = {root(variable) for variable in touching}
    return [
        (np.array(members), np.array([FIXED] if first in beside else [], int)) for first, members in by_root.items()
    ]


def _geometric_mean(values: np.ndarray) -> float:
    return float(np.exp(np.mean(np.log(values))))


def _scale_layers(graph: EditableGraph, variables: ChannelVariables, factors: np.ndarray) -> None:
    for layer in layers(graph):
        written, read = factors[variables.of(layer.output)], factors[variables.of(layer.data)][layer.channels]
        if np.all(written == 1) and np.all(read == 1):
            continue
        replace_weights(graph, layer, layer.weights * written[:, None, None] / read[:, None, :])
        if layer.has_bias:
            replace_bias(graph, layer, layer.bias * written)


def _scale_constant(graph: EditableGraph, variables: ChannelVariables, factors: np.ndarray, node: Node) -> None:
    """Scale the constant operand of an elementwise operator."""
    constants = [position for position, each in enumerate(node.inputs) if graph.constant(each) is not None]
    if len(constants) != 1 or len(node.inputs) != 2:
        return
    position = constants[0]
    written = factors[variables.of(node.outputs[0])]
    read = factors[variables.of(node.inputs[1 - position])]
    by = written if node.kind in _CONSTANT_SUMS else written / read
    if node.kind == "DIV":
        by = 1 / by
    if np.any(by != 1):
        values = graph.constant(node.inputs[position])
        assert values is not None, "found above"
        graph.replace_input(node, position, values * (by[0] if np.all(by == by[0]) else by))


def _undo_before_sigmoid(graph: EditableGraph, sigmoid: Node, factors: np.ndarray) -> None:
    """Divide the operand of a sigmoid by the factors of its channels."""
    if np.all(factors == 1):
        return
    data = sigmoid.inputs[0]
    unscaled = graph.add_like(data, "unscaled")
    divisor = graph.add_constant(f"{graph.name(data)}/unscaling", 1 / factors)
    graph.insert("MUL", (data, divisor), unscaled, after=graph.writer(data))
    graph.set_input(sigmoid, data, unscaled)
