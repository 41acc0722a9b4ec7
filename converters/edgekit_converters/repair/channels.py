"""Finds the channels of a graph that can be scaled by factors of their own without a change of the predictions.

Every channel of every activation is a variable. An operator that passes a positive factor on from a channel of its
input to a channel of its output joins the two (union-find); an operator that absorbs factors in its constants, such as
a convolution, leaves them independent; any other operator fixes its channels at the factor 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np

from edgekit_converters.repair.graph import HOMOGENEOUS, EditableGraph, Node
from edgekit_converters.repair.layers import is_shared, layer_of

#: The variable of all channels whose factor has to be 1.
FIXED = 0
#: Larger tensors are not taken apart element by element.
_LARGEST_PERIOD = 1 << 20


@dataclass(frozen=True, slots=True)
class Gate:
    """``x * sigmoid(x)``, which is linear in its first operand only.

    Attributes:
        data: Tensor number of ``x``.
        sigmoid: The ``LOGISTIC`` that reads it.
    """

    data: int
    sigmoid: Node


class ChannelVariables:
    """The variables of a graph.

    Attributes:
        gates: Gates whose operands are free because a division in front of the sigmoid undoes their factors.

    Args:
        graph: A float graph.
        measured: Tensor numbers of the activations that can be scaled; all others are fixed.
        gates: Gates whose operands are freed.
    """

    def __init__(self, graph: EditableGraph, measured: Collection[int], *, gates: Sequence[Gate] = ()) -> None:
        self._graph = graph
        self._first: dict[int, int] = {}
        count = 1
        for tensor in sorted(measured):
            shape = graph.open_shape(tensor)
            if graph.is_float(tensor) and len(shape) > 1 and shape[-1] > 0:
                self._first[tensor] = count
                count += shape[-1]
        self._parents = np.arange(count)
        self._clipped: list[np.ndarray] = []
        self.gates = tuple(gates)
        self._relate_all()

    def of(self, tensor: int) -> np.ndarray:
        """Variables of the channels of a tensor, int64 (C,)."""
        if tensor not in self._first:
            shape = self._graph.shape(tensor)
            return np.full(shape[-1] if shape else 1, FIXED)
        return self._roots(self._first[tensor] + np.arange(self._graph.shape(tensor)[-1]))

    @property
    def tensors(self) -> tuple[int, ...]:
        """Numbers of the tensors with variables."""
        return tuple(self._first)

    @property
    def count(self) -> int:
        """Number of variables, of which some are joined."""
        return len(self._parents)

    @property
    def clipped_at_6(self) -> np.ndarray:
        """Variables of channels that a ReLU6 clips, int64."""
        parts = [self._roots(part) for part in self._clipped]
        return np.unique(np.concatenate(parts)) if parts else np.zeros(0, int)

    def join(self, one: np.ndarray, other: np.ndarray) -> None:
        """Join variables pairwise; arrays of one element are repeated."""
        for pair in np.unique(np.stack(np.broadcast_arrays(one, other), 1), axis=0).tolist():
            # The smaller number wins, so that FIXED stays the root of its set.
            first, second = sorted(map(self._root, pair))
            self._parents[second] = first

    def fix(self, tensors: Sequence[int]) -> None:
        """Fix all channels of tensors."""
        for tensor in tensors:
            if tensor in self._first:
                self.join(self.of(tensor), np.array([FIXED]))

    def clip(self, tensor: int) -> None:
        """Note that a ReLU6 limits the channels of a tensor."""
        self._clipped.append(self.of(tensor))

    def is_fixed(self, tensor: int) -> bool:
        """Whether all channels of a tensor have the factor 1."""
        return not np.any(self.of(tensor))

    def _root(self, variable: int) -> int:
        while self._parents[variable] != variable:
            self._parents[variable] = self._parents[self._parents[variable]]
            variable = int(self._parents[variable])
        return variable

    def _roots(self, variables: np.ndarray) -> np.ndarray:
        return np.array([self._root(variable) for variable in variables.tolist()], dtype=np.int64)

    def _relate_all(self) -> None:
        graph = self._graph
        self.fix([*graph.inputs, *graph.outputs])
        free = {id(gate.sigmoid.raw) for gate in self.gates}
        late = []
        for node in graph.nodes:
            if id(node.raw) in free:
                self.fix(node.outputs)
            elif node.kind in _AFTER_THE_OTHERS:
                late.append(node)
            else:
                self._relate(node, _RULES)
        # These pass factors on if another operand is fixed.
        for node in late:
            self._relate(node, _AFTER_THE_OTHERS)

    def _relate(self, node: Node, rules: dict[str, _Rule]) -> None:
        if not all(each in self._first for each in node.outputs):
            # Shapes, indices, conditions and single numbers have no channels.
            self.fix([*node.inputs, *node.outputs])
            return
        if node.activation not in (*HOMOGENEOUS, "RELU6"):
            self.fix(node.outputs)
        elif node.activation == "RELU6":
            self.clip(node.outputs[0])
        rule = rules.get(node.kind)
        if rule is None or not rule(self, self._graph, node):
            self.fix([*node.inputs, *node.outputs])


_Rule = Callable[[ChannelVariables, EditableGraph, Node], bool]


def find_gates(graph: EditableGraph) -> list[Gate]:
    """All gates of a graph, in execution order."""
    found = []
    for node in graph.nodes:
        if node.kind != "LOGISTIC" or len(graph.readers(node.outputs[0])) != 1:
            continue
        product = graph.readers(node.outputs[0])[0]
        if product.kind == "MUL" and set(product.inputs) == {node.inputs[0], node.outputs[0]}:
            found.append(Gate(node.inputs[0], node))
    return found


def _layer(variables: ChannelVariables, graph: EditableGraph, node: Node) -> bool:
    layer = layer_of(graph, node)
    return layer is not None and not is_shared(graph, layer)


def _same(variables: ChannelVariables, graph: EditableGraph, node: Node) -> bool:
    """Every output channel depends on the same channel of the data, the first input."""
    return all(_joined(variables, node.inputs[0], output) for output in node.outputs)


def _clipped(variables: ChannelVariables, graph: EditableGraph, node: Node) -> bool:
    variables.clip(node.outputs[0])
    return _same(variables, graph, node)


def _joined(variables: ChannelVariables, one: int, other: int) -> bool:
    a, b = variables.of(one), variables.of(other)
    if len(a) != len(b) and 1 not in (len(a), len(b)):
        return False
    variables.join(a, b)
    return True


def _uniform(variables: ChannelVariables, *tensors: int) -> bool:
    """All channels of all tensors get the same factor."""
    parts = np.concatenate([variables.of(tensor) for tensor in tensors])
    variables.join(parts, parts[:1])
    return True


def _reshaped(variables: ChannelVariables, graph: EditableGraph, node: Node) -> bool:
    """The order of the elements stays, so element e is channel e mod C on both sides."""
    before, after = variables.of(node.inputs[0]), variables.of(node.outputs[0])
    period = math.lcm(len(before), len(after))
    if period > _LARGEST_PERIOD:
        return _uniform(variables, node.inputs[0], node.outputs[0])
    variables.join(np.resize(before, period), np.resize(after, period))
    return True


def _padded(variables: ChannelVariables, graph: EditableGraph, node: Node) -> bool:
    value = graph.constant(node.inputs[2]) if len(node.inputs) > 2 else np.zeros(1)
    return value is not None and not np.any(value) and _same(variables, graph, node)


def _transposed(variables: ChannelVariables, graph: EditableGraph, node: Node) -> bool:
    order = graph.integers(node.inputs[1])
    if order is not None and order[-1] == len(order) - 1:
        return _same(variables, graph, node)
    return _uniform(variables, node.inputs[0], node.outputs[0])


def _reduced(variables: ChannelVariables, graph: EditableGraph, node: Node) -> bool:
    axes, rank = graph.integers(node.inputs[1]), len(graph.shape(node.inputs[0]))
    if axes is not None and (rank - 1) not in {int(axis) % rank for axis in axes.reshape(-1)}:
        return _same(variables, graph, node)
    return _uniform(variables, node.inputs[0], node.outputs[0])


def _concatenated(variables: ChannelVariables, graph: EditableGraph, node: Node) -> bool:
    rank = len(graph.shape(node.outputs[0]))
    if node.options.axis % rank != rank - 1:
        return all(_joined(variables, each, node.outputs[0]) for each in node.inputs)
    variables.join(np.concatenate([variables.of(each) for each in node.inputs]), variables.of(node.outputs[0]))
    return True


def _split(variables: ChannelVariables, graph: EditableGraph, node: Node) -> bool:
    data, axis = (node.inputs[1], node.inputs[0]) if node.kind == "SPLIT" else (node.inputs[0], node.inputs[2])
    axes, rank = graph.integers(axis), len(graph.shape(data))
    if axes is None:
        return False
    if int(axes.reshape(-1)[0]) % rank != rank - 1:
        return all(_joined(variables, data, each) for each in node.outputs)
    variables.join(variables.of(data), np.concatenate([variables.of(each) for each in node.outputs]))
    return True


def _sliced(variables: ChannelVariables, graph: EditableGraph, node: Node) -> bool:
    before, after = graph.shape(node.inputs[0]), graph.shape(node.outputs[0])
    strides = graph.integers(node.inputs[3]) if node.kind == "STRIDED_SLICE" else np.ones(1)
    if strides is not None and np.all(strides > 0) and before[-1] == after[-1] and len(before) == len(after):
        return _same(variables, graph, node)
    return _uniform(variables, node.inputs[0], node.outputs[0])


def _gathered(variables: ChannelVariables, graph: EditableGraph, node: Node) -> bool:
    if node.inputs[0] not in variables.tensors:
        return False
    return _uniform(variables, node.inputs[0], node.outputs[0])


def _summed(variables: ChannelVariables, graph: EditableGraph, node: Node) -> bool:
    """Both operands and the result have the same factor; a constant is scaled by it."""
    moving = [each for each in node.inputs if graph.constant(each) is None]
    return all(_joined(variables, each, node.outputs[0]) for each in moving)


def _multiplied(variables: ChannelVariables, graph: EditableGraph, node: Node) -> bool:
    """A constant absorbs factors; of two activations one has to be fixed."""
    one, other = node.inputs
    if graph.constant(other) is not None:
        return True
    if graph.constant(one) is not None:
        return node.kind == "MUL"
    if node.kind == "DIV":
        variables.fix([other])
    elif not variables.is_fixed(one) and not variables.is_fixed(other):
        # The smaller operand is usually a gate of its own.
        variables.fix([min(node.inputs, key=lambda each: (math.prod(graph.shape(each)), each))])
    moving = one if node.kind == "DIV" or variables.is_fixed(other) else other
    return _joined(variables, moving, node.outputs[0])


def _averaged(variables: ChannelVariables, graph: EditableGraph, node: Node) -> bool:
    """``weights @ data`` with fixed weights passes the columns of the data on."""
    if node.options.adjY or not variables.is_fixed(node.inputs[0]):
        return False
    return _joined(variables, node.inputs[1], node.outputs[0])


_RULES: dict[str, _Rule] = {
    **dict.fromkeys(("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV"), _layer),
    **dict.fromkeys(("RELU", "LEAKY_RELU", "PRELU", "ABS", "NEG", "MAX_POOL_2D", "AVERAGE_POOL_2D"), _same),
    **dict.fromkeys(("RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR", "MIRROR_PAD", "BROADCAST_TO"), _same),
    **dict.fromkeys(("BATCH_TO_SPACE_ND", "SPACE_TO_BATCH_ND"), _same),
    "RELU6": _clipped,
    **dict.fromkeys(("RESHAPE", "SQUEEZE", "EXPAND_DIMS", "TILE", "DEPTH_TO_SPACE", "SPACE_TO_DEPTH"), _reshaped),
    **dict.fromkeys(("PAD", "PADV2"), _padded),
    "TRANSPOSE": _transposed,
    **dict.fromkeys(("MEAN", "SUM", "REDUCE_MAX"), _reduced),
    "CONCATENATION": _concatenated,
    **dict.fromkeys(("SPLIT", "SPLIT_V"), _split),
    **dict.fromkeys(("SLICE", "STRIDED_SLICE"), _sliced),
    "GATHER": _gathered,
    **dict.fromkeys(("ADD", "SUB", "MAXIMUM", "MINIMUM"), _summed),
}
_AFTER_THE_OTHERS: dict[str, _Rule] = {"MUL": _multiplied, "DIV": _multiplied, "BATCH_MATMUL": _averaged}
