"""Moves constant offsets of channels into biases, and removes what no later layer sees.

An offset that all values of a channel share widens an int8 range and carries nothing: it is taken out where a layer
adds it and given back in the bias of the layers that read it. What softmax is blind to, an amount common to all
scores, is left out altogether, and so is a component of a tensor that all its readers multiply by 0.

Source of the absorption into the next bias: Nagel et al., Data-Free Quantization (2019), section 4.1.4.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from edgekit_converters.repair.channel_statistics import Channels
from edgekit_converters.repair.graph import EditableGraph, Node
from edgekit_converters.repair.layers import Layer, is_shared, layer_of, layers, replace_bias, replace_weights
from edgekit_runtime.tflite.tflite_model import TfliteModel

#: An offset is taken out if it is this many times larger than the deviation of the values from it …
_DOMINANT = 3.0
#: … and at least this share of the largest value of the tensor.
_LARGE = 0.1
#: Share of the range below the smallest value that a shifted ReLU keeps.
_KEPT_BELOW = 0.5
#: Singular values below this share of the largest are rounding errors of float32 weights.
_ZERO = 2e-6

_PASSING = ("MAX_POOL_2D", "AVERAGE_POOL_2D", "RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR")
_RESHAPING = ("RESHAPE", "SQUEEZE", "EXPAND_DIMS")


def without_softmax_offsets(model: TfliteModel) -> TfliteModel:
    """Remove what softmax is blind to: the mean of the weights of its classes, and the bias of attention keys.

    Args:
        model: A float32 model.
    """
    graph = EditableGraph(model)
    for node in list(graph.nodes):
        if node.kind == "SOFTMAX":
            _center_classes(graph, node)
            _remove_key_bias(graph, node)
    return graph.model()


def _center_classes(graph: EditableGraph, softmax: Node) -> None:
    writer = graph.writer(softmax.inputs[0])
    layer = layer_of(graph, writer) if writer is not None else None
    if layer is None or not _is_private_linear(graph, layer) or layer.node.kind == "DEPTHWISE_CONV_2D":
        return
    replace_weights(graph, layer, layer.weights - layer.weights.mean(0, dtype=np.float64))
    if layer.has_bias:
        replace_bias(graph, layer, layer.bias - layer.bias.mean(dtype=np.float64))


def _is_private_linear(graph: EditableGraph, layer: Layer) -> bool:
    """Whether one operator reads a layer, which has no activation and weights of its own."""
    return (
        layer.node.activation == "NONE"
        and len(graph.value_readers(layer.output)) == 1
        and layer.output not in graph.outputs
        and not is_shared(graph, layer)
    )


def _remove_key_bias(graph: EditableGraph, softmax: Node) -> None:
    """Remove the bias of the keys, which adds the same amount to all scores of a query."""
    product = _scores(graph, softmax.inputs[0])
    if product is None:
        return
    moves: list[Node] = []
    tensor = product.inputs[1]
    while (node := graph.writer(tensor)) is not None and len(graph.value_readers(tensor)) == 1:
        if node.kind in (*_RESHAPING, "TRANSPOSE"):
            moves.insert(0, node)
            tensor = node.inputs[0]
            continue
        layer = layer_of(graph, node)
        if layer is not None and layer.has_bias and _is_private_linear(graph, layer):
            if _is_constant_over_keys(graph, layer.bias, layer.output, moves, product):
                replace_bias(graph, layer, np.zeros_like(layer.bias))
        elif node.kind == "ADD" and node.activation == "NONE":
            for position, each in enumerate(node.inputs):
                bias = graph.constant(each)
                if bias is not None and _is_constant_over_keys(graph, bias, tensor, moves, product):
                    graph.replace_input(node, position, np.zeros_like(bias))
        return


def _scores(graph: EditableGraph, tensor: int) -> Node | None:
    """The product of queries and keys in front of a softmax; None if there is none."""
    node = graph.writer(tensor)
    while node is not None and len(graph.value_readers(tensor)) == 1:
        if node.kind == "BATCH_MATMUL":
            return node
        if node.kind == "RESHAPE" and graph.shape(node.inputs[0])[-1] != graph.shape(tensor)[-1]:
            return None
        if node.kind not in ("MUL", "DIV", "ADD", "SUB", "SELECT_V2", "RESHAPE"):
            return None
        moving = [each for each in node.inputs if graph.is_float(each) and graph.constant(each) is None]
        scalars = node.kind not in ("MUL", "DIV") or all(
            (values := graph.constant(each)) is None or values.size == 1 for each in node.inputs
        )
        if len(moving) != 1 or not scalars:
            return None
        tensor = moving[0]
        node = graph.writer(tensor)
    return None


def _is_constant_over_keys(
    graph: EditableGraph, bias: np.ndarray, tensor: int, moves: list[Node], product: Node
) -> bool:
    """Push a bias through the operators that lead to the product and see whether all keys get the same."""
    values = np.broadcast_to(bias, graph.shape(tensor))
    for node in moves:
        order = graph.integers(node.inputs[1]) if node.kind == "TRANSPOSE" else None
        if node.kind == "TRANSPOSE":
            if order is None:
                return False
            values = values.transpose(order)
        else:
            shape = graph.shape(node.outputs[0])
            if values.size != np.prod(shape):
                return False
            values = values.reshape(shape)
    axis = -2 if product.options.adjY else -1
    return bool(np.all(values == np.take(values, [0], axis=axis)))


def without_unread_components(model: TfliteModel) -> TfliteModel:
    """Remove from every linear layer the components that all its readers multiply by 0.

    Args:
        model: A float32 model.
    """
    graph = EditableGraph(model)
    for layer in layers(graph):
        if layer.node.activation != "NONE" or is_shared(graph, layer) or layer.output in graph.outputs:
            continue
        rows = _reading_rows(graph, layer.output)
        if rows is None:
            continue
        _, sizes, directions = np.linalg.svd(rows, full_matrices=False)
        read = directions[sizes > _ZERO * sizes.max(initial=0)]
        if len(read) == rows.shape[1]:
            continue
        outputs = len(layer.weights)
        weights = (read.T @ (read @ layer.weights.reshape(outputs, -1))).reshape(layer.weights.shape)
        if layer.node.kind == "DEPTHWISE_CONV_2D":
            continue
        replace_weights(graph, layer, weights)
        if layer.has_bias:
            replace_bias(graph, layer, read.T @ (read @ layer.bias))
    return graph.model()


def _reading_rows(graph: EditableGraph, tensor: int) -> np.ndarray | None:
    """What all readers of a tensor, also through sums, multiply its channels by: float64 (R, C); None if unknown."""
    channels = graph.shape(tensor)[-1]
    found: list[np.ndarray] = []
    pending, seen = [tensor], {tensor}
    while pending:
        current = pending.pop()
        if current in graph.outputs or not graph.readers(current):
            return None
        for node in graph.readers(current):
            layer = layer_of(graph, node)
            if layer is not None and layer.data == current and len(layer.channels) == 1:
                if layer.weights.shape[2] % channels:
                    return None
                found.append(layer.weights.reshape(-1, channels).astype(np.float64))
            elif layer is None and _is_linear(graph, node, channels):
                pending += [each for each in node.outputs if each not in seen]
                seen.update(node.outputs)
            else:
                return None
    rows = np.concatenate(found)
    # The triangular factor has the same null space and at most C rows.
    return np.asarray(np.linalg.qr(rows, mode="r")) if len(rows) > channels else rows


def _is_linear(graph: EditableGraph, node: Node, channels: int) -> bool:
    """Whether an operator adds or repeats channels and keeps their order."""
    width = graph.shape(node.outputs[0])[-1]
    if node.kind in ("ADD", "AVERAGE_POOL_2D"):
        return node.activation == "NONE" and width == channels
    return node.kind in _RESHAPING and width % channels == 0


@dataclass(frozen=True, slots=True)
class _Source:
    """A layer whose output can be shifted.

    Attributes:
        layer: The layer.
        shift: Amount added to each channel, float64 (C,).
        drops_activation: Whether its ReLU never clips, so that it is removed.
    """

    layer: Layer
    shift: np.ndarray
    drops_activation: bool


def without_offsets(model: TfliteModel, channels: Mapping[int, Channels]) -> TfliteModel:
    """Take large constant offsets out of channels and give them back in the biases of the readers.

    Where a convolution pads its data, the border of its output gets an addition of its own, so that the result is exact
    there as well.

    Args:
        model: A float32 model.
        channels: Result of ``measure_channels`` on this model.
    """
    graph = EditableGraph(model)
    sources = _sources(graph, channels)
    while sources:
        shifts = _Shifts(graph, sources, channels)
        blocked = shifts.blocked
        if blocked is None:
            shifts.apply()
            return graph.model()
        sources = [source for source in sources if id(source.layer.node.raw) not in blocked]
    return model


def _sources(graph: EditableGraph, channels: Mapping[int, Channels]) -> list[_Source]:
    found = []
    for layer in layers(graph):
        stats = channels.get(layer.output)
        if stats is None or not layer.has_bias or len(stats.low) != len(layer.bias):
            continue
        middle, half = (stats.low + stats.high) / 2, (stats.high - stats.low) / 2
        is_large = (np.abs(middle) > _DOMINANT * half) & (np.abs(middle) > _LARGE * stats.peak.max(initial=0))
        if not is_large.any() or layer.node.activation not in ("NONE", "RELU"):
            continue
        is_linear = layer.node.activation == "NONE"
        never_clips = not is_linear and bool(np.all(stats.low > 2 * half))
        shift = -middle if is_linear or never_clips else -np.maximum(stats.low - _KEPT_BELOW * 2 * half, 0)
        found.append(_Source(layer, np.where(is_large, shift, 0.0), never_clips))
    return found


class _Shifts:
    """What sources add to the channels of every tensor.

    Attributes:
        blocked: Identities of the layers whose shifts reach an operator that cannot take them; None if there are none.
    """

    def __init__(self, graph: EditableGraph, sources: list[_Source], channels: Mapping[int, Channels]) -> None:
        self._graph = graph
        self._channels = channels
        self._sources = {id(source.layer.node.raw): source for source in sources}
        self._shifts: dict[int, np.ndarray] = {}
        self._origins: dict[int, frozenset[int]] = {}
        self.blocked: frozenset[int] | None = None
        for node in graph.nodes:
            self._pass(node)
            if self.blocked is not None:
                return
        self._require_unshifted(graph.outputs)

    def _pass(self, node: Node) -> None:
        source = self._sources.get(id(node.raw))
        read = [each for each in node.inputs if np.any(self._of(each))]
        layer = layer_of(self._graph, node) if read or source is not None else None
        if layer is not None:
            if read and (read != [layer.data] or not _takes_shift(self._graph, layer)):
                self._require_unshifted(read)
            if source is not None:
                self._set(layer.output, self._snapped(source), frozenset([id(node.raw)]))
            return
        if not read:
            return
        rule = _SHIFT_RULES.get(node.kind)
        shift = rule(self._graph, node, self._of) if rule is not None and node.activation == "NONE" else None
        if shift is None or self._graph.shape(node.outputs[0])[-1] != len(shift):
            self._require_unshifted(read)
            return
        self._set(node.outputs[0], shift, frozenset().union(*(self._origins.get(each, frozenset()) for each in read)))

    def _snapped(self, source: _Source) -> np.ndarray:
        """The shift of a source; where it nearly cancels that of the other operand of a sum, exactly that."""
        shift = source.shift.copy()
        readers = self._graph.readers(source.layer.output)
        stats = self._channels[source.layer.output]
        if len(readers) == 1 and readers[0].kind == "ADD" and len(readers[0].inputs) == 2:
            other = next((each for each in readers[0].inputs if each != source.layer.output), None)
            opposite = -self._of(other) if other is not None else np.zeros(1)
            if len(opposite) == len(shift):
                middle = (stats.low + stats.high) / 2
                cancels = (opposite != 0) & (np.abs(middle + opposite) < 0.5 * np.abs(middle))
                shift[cancels] = opposite[cancels]
        source.shift[:] = shift
        return shift

    def _of(self, tensor: int) -> np.ndarray:
        if tensor in self._shifts:
            return self._shifts[tensor]
        shape = self._graph.shape(tensor) if tensor >= 0 else ()
        return np.zeros(shape[-1] if shape else 1)

    def _set(self, tensor: int, shift: np.ndarray, origins: frozenset[int]) -> None:
        if np.any(shift):
            self._shifts[tensor] = shift
            self._origins[tensor] = origins

    def _require_unshifted(self, tensors: object) -> None:
        origins = frozenset().union(*(self._origins.get(each, frozenset()) for each in tensors))  # type: ignore[attr-defined]
        if origins:
            self.blocked = origins

    def apply(self) -> None:
        """Change the biases of the sources and of their readers."""
        graph = self._graph
        for node in list(graph.nodes):
            layer = layer_of(graph, node)
            if layer is None:
                continue
            bias = layer.bias.astype(np.float64)
            read, source = self._of(layer.data), self._sources.get(id(node.raw))
            border = None
            if np.any(read):
                by_tap = (layer.weights * read[layer.channels][:, None, :]).sum(2, dtype=np.float64)
                bias = bias - by_tap.sum(1)
                border = _border(graph, layer, by_tap)
            if source is not None:
                bias = bias + source.shift
                if source.drops_activation:
                    graph.set_activation(node, "NONE")
            if layer.has_bias and np.any(bias != layer.bias):
                replace_bias(graph, layer, bias)
            if border is not None:
                _add_border(graph, layer, border)


def _takes_shift(graph: EditableGraph, layer: Layer) -> bool:
    if layer.node.kind == "TRANSPOSE_CONV" or not layer.has_bias:
        return False
    return layer.node.kind == "FULLY_CONNECTED" or -1 not in graph.open_shape(layer.output)[1:]


def _border(graph: EditableGraph, layer: Layer, by_tap: np.ndarray) -> np.ndarray | None:
    """What the padding of a shifted image lacks, float64 (1, H, W, O); None if nothing is padded.

    Args:
        graph: The graph.
        layer: A layer that reads shifted data.
        by_tap: What each tap of its kernel makes of the shift, float64 (O, T).
    """
    if layer.node.kind == "FULLY_CONNECTED":
        return None
    options = layer.node.options
    kernel = graph.shape(layer.node.inputs[1])[1:3]
    strides = options.strideH, options.strideW
    dilations = options.dilationHFactor, options.dilationWFactor
    inside = [
        _inside(graph.shape(layer.data)[1 + axis], graph.shape(layer.output)[1 + axis], *sizes)
        for axis, sizes in enumerate(zip(kernel, strides, dilations, strict=True))
    ]
    if all(each.all() for each in inside):
        return None
    taps = by_tap.reshape(len(by_tap), *kernel)
    lacking = taps.sum((1, 2)) - np.einsum("hk,wl,okl->hwo", *inside, taps)
    return np.asarray(lacking[None])


def _inside(size: int, count: int, kernel: int, stride: int, dilation: int) -> np.ndarray:
    """Which taps of a kernel read the image and not its padding along one axis, float64 (count, kernel)."""
    padding = max((count - 1) * stride + (kernel - 1) * dilation + 1 - size, 0) // 2
    places = np.arange(count)[:, None] * stride + np.arange(kernel)[None] * dilation - padding
    return ((places >= 0) & (places < size)).astype(np.float64)


def _add_border(graph: EditableGraph, layer: Layer, border: np.ndarray) -> None:
    """Add a constant image between a layer and its activation."""
    inner = graph.add_like(layer.output, "inside")
    constant = graph.add_constant(f"{graph.name(layer.output)}/border", border)
    activation = layer.node.activation
    graph.set_activation(layer.node, "NONE")
    graph.set_output(layer.node, inner)
    graph.insert("ADD", (inner, constant), layer.output, after=graph.writer(inner), activation=activation)


_ShiftRule = Callable[[EditableGraph, Node, Callable[[int], np.ndarray]], "np.ndarray | None"]


def _kept(graph: EditableGraph, node: Node, of: Callable[[int], np.ndarray]) -> np.ndarray | None:
    return of(node.inputs[0])


def _repeated(graph: EditableGraph, node: Node, of: Callable[[int], np.ndarray]) -> np.ndarray | None:
    shift, channels = of(node.inputs[0]), graph.shape(node.outputs[0])[-1]
    return np.resize(shift, channels) if channels % len(shift) == 0 else None


def _added(graph: EditableGraph, node: Node, of: Callable[[int], np.ndarray]) -> np.ndarray | None:
    one, other = (of(each) for each in node.inputs)
    sign = -1 if node.kind == "SUB" else 1
    return np.asarray(one + sign * other)


def _joined(graph: EditableGraph, node: Node, of: Callable[[int], np.ndarray]) -> np.ndarray | None:
    if node.options.axis % len(graph.shape(node.outputs[0])) != len(graph.shape(node.outputs[0])) - 1:
        return None
    return np.concatenate([of(each) for each in node.inputs])


def _averaged(graph: EditableGraph, node: Node, of: Callable[[int], np.ndarray]) -> np.ndarray | None:
    axes, rank = graph.integers(node.inputs[1]), len(graph.shape(node.inputs[0]))
    if axes is None or (rank - 1) in {int(axis) % rank for axis in axes.reshape(-1)}:
        return None
    return of(node.inputs[0])


_SHIFT_RULES: dict[str, _ShiftRule] = {
    **dict.fromkeys(_PASSING, _kept),
    **dict.fromkeys(_RESHAPING, _repeated),
    **dict.fromkeys(("ADD", "SUB"), _added),
    "CONCATENATION": _joined,
    "MEAN": _averaged,
}
