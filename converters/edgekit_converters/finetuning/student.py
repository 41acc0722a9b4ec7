"""The float .tflite as a differentiable network, with or without rounding; runs in the child process."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from edgekit_converters.finetuning.constants import trainable_inputs
from edgekit_converters.finetuning.operators import differentiable_operators
from edgekit_converters.finetuning.rounding import first_bounds, rounded_activation, rounded_weights
from edgekit_converters.finetuning.rounding_plan import ActivationRounding, Place, Reading, RoundingPlan

#: Largest difference to the interpreter of an operator that training goes through, as a share of its largest result.
_LARGEST_DIFFERENCE = 1e-3


@dataclass(frozen=True, slots=True)
class Layer:
    """An operator with constant weights.

    Attributes:
        name: Name of its output tensor.
        kind: Name of the builtin.
        constants: Its weights and bias.
    """

    name: str
    kind: str
    constants: tuple[Place, ...]


@dataclass(frozen=True, slots=True)
class Changes:
    """What a run of a network does differently from the float model.

    Attributes:
        constants: Values that replace constants, by where they are read.
        written: Rounds a tensor that was computed or given.
        read: Rounds a tensor where an operator reads it.
    """

    constants: Mapping[Reading, Any] = field(default_factory=dict)
    written: Callable[[Place, Any], Any] = lambda place, value: value
    read: Callable[[Reading, Any], Any] = lambda reading, value: value


class Network:
    """A float model that can be run on TensorFlow, from its inputs or from the results of operators that it lacks.

    Attributes:
        graph_file: The model in the schema's object form.
        sources: Tensors of the main subgraph whose values come from the interpreter: the inputs of the model, and the
            results of operators that cannot be differentiated.
        outputs: Output tensors of the main subgraph that TensorFlow computes.
        trained: Layers that training changes.
        frozen: Other operators with constant weights of more than one axis.
    """

    def __init__(self, model: bytes, example: Mapping[int, np.ndarray]) -> None:
        """Parse a model and compare its operators with the interpreter's results for one example.

        Args:
            model: The float32 FlatBuffer.
            example: Values of all tensors of the main subgraph for one example, by number.
        """
        from ai_edge_litert.tools import flatbuffer_utils

        self._name_of = flatbuffer_utils.opcode_to_name
        self.graph_file = flatbuffer_utils.read_model_from_bytearray(bytearray(model))
        self._operators = differentiable_operators()
        self._constants = {
            (number, index): _constant(self.graph_file, tensor)
            for number, graph in enumerate(self.graph_file.subgraphs)
            for index, tensor in enumerate(graph.tensors)
        }
        self._used = self._usable(example)
        main = self.graph_file.subgraphs[0]
        computed = {int(index) for place in self._used for index in main.operators[place].outputs}
        read = {int(index) for place in self._used for index in main.operators[place].inputs}
        self.sources = tuple(
            index for index in sorted(read) if index >= 0 and index not in computed and not self._is_constant(0, index)
        )
        self.outputs = tuple(int(index) for index in main.outputs if int(index) in computed)
        layers = list(self._layers())
        self.trained = tuple(layer for is_used, layer in layers if is_used and layer.constants)
        self.frozen = tuple(layer for is_used, layer in layers if not (is_used and layer.constants))

    def values(self, places: Sequence[Place]) -> dict[Place, np.ndarray]:
        """Values of constants."""
        return {place: np.asarray(self._constants[place]) for place in places}

    def run(self, sources: Mapping[int, Any], changes: Changes = Changes()) -> dict[int, Any]:
        """Compute every tensor of the main subgraph that the outputs need.

        Args:
            sources: Values of ``sources``, by tensor number.
            changes: Constants to replace and values to round.
        """
        values = {index: changes.written((0, index), value) for index, value in sources.items()}
        self._run_graph(0, self._used, values, changes)
        return values

    def softmax_inputs(self) -> dict[int, int]:
        """For each output that a softmax computes, the tensor that the softmax reads."""
        main = self.graph_file.subgraphs[0]
        return {
            int(operator.outputs[0]): int(operator.inputs[0])
            for operator in (main.operators[place] for place in self._used)
            if self._kind(operator) == "SOFTMAX" and int(operator.outputs[0]) in self.outputs
        }

    def _run_graph(self, number: int, places: Sequence[int], values: dict[int, Any], changes: Changes) -> None:
        graph = self.graph_file.subgraphs[number]
        for place in places:
            operator = graph.operators[place]
            inputs: list[Any] = []
            for position, index in enumerate(map(int, operator.inputs)):
                reading = number, place, position
                if index < 0:
                    inputs.append(None)
                elif reading in changes.constants:
                    inputs.append(changes.constants[reading])
                elif index in values:
                    inputs.append(changes.read(reading, values[index]))
                else:
                    inputs.append(self._constants[number, index])
            if self._kind(operator) == "WHILE":
                results = self._loop(operator.builtinOptions, inputs, changes)
            else:
                results = self._operators[self._kind(operator)](inputs, operator.builtinOptions)
            for index, result in zip(map(int, operator.outputs), results, strict=True):
                values[index] = changes.written((number, index), result)

    def _loop(self, options: Any, inputs: Sequence[Any], changes: Changes) -> Sequence[Any]:
        import tensorflow as tf

        def run(number: int, variables: Sequence[Any]) -> list[Any]:
            graph = self.graph_file.subgraphs[number]
            values = dict(zip(map(int, graph.inputs), variables, strict=False))
            self._run_graph(number, range(len(graph.operators)), values, changes)
            return [
                values[index] if index in values else self._constants[number, index]
                for index in map(int, graph.outputs)
            ]

        results = tf.while_loop(
            lambda *variables: tf.reshape(run(options.condSubgraphIndex, variables)[0], ()),
            lambda *variables: run(options.bodySubgraphIndex, variables),
            [tf.convert_to_tensor(value) for value in inputs],
            shape_invariants=[tf.TensorShape([None] * len(value.shape)) for value in inputs],
        )
        return list(results)

    def _usable(self, example: Mapping[int, np.ndarray]) -> tuple[int, ...]:
        """Numbers of the operators that the outputs need and that TensorFlow computes as the interpreter does."""
        main = self.graph_file.subgraphs[0]
        needed, used = {int(index) for index in main.outputs}, []
        for place in reversed(range(len(main.operators))):
            operator = main.operators[place]
            if needed.isdisjoint(map(int, operator.outputs)) or not self._agrees(place, example):
                continue
            used.append(place)
            needed |= {int(index) for index in operator.inputs}
        return tuple(reversed(used))

    def _agrees(self, place: int, example: Mapping[int, np.ndarray]) -> bool:
        operator = self.graph_file.subgraphs[0].operators[place]
        kinds = [self._kind(operator)]
        if kinds == ["WHILE"]:
            inner = (operator.builtinOptions.condSubgraphIndex, operator.builtinOptions.bodySubgraphIndex)
            kinds = [self._kind(each) for number in inner for each in self.graph_file.subgraphs[number].operators]
        if not self._operators.keys() >= set(kinds):
            return False
        values = {
            index: example[index]
            for index in map(int, operator.inputs)
            if index >= 0 and not self._is_constant(0, index)
        }
        try:
            self._run_graph(0, [place], values, Changes())
        # TensorFlow raises errors of any type for options that its operator lacks.
        except Exception:
            return False
        # What a loop only passes through has no value of its own to compare.
        outputs = [index for index in map(int, operator.outputs) if index in example]
        return bool(outputs) and all(_are_close(example[index], np.asarray(values[index])) for index in outputs)

    def _layers(self) -> list[tuple[bool, Layer]]:
        """Every operator with constant weights, and whether training reaches it."""
        loops = {
            operator.builtinOptions.bodySubgraphIndex
            for place in self._used
            if self._kind(operator := self.graph_file.subgraphs[0].operators[place]) == "WHILE"
        }
        layers = []
        for number, graph in enumerate(self.graph_file.subgraphs):
            for place, operator in enumerate(graph.operators):
                kind = self._kind(operator)
                indices = [int(index) for index in operator.inputs if index >= 0]
                constants = [index for index in indices if self._is_weight(number, index)]
                if not constants or kind == "WHILE":
                    continue
                name = graph.tensors[operator.outputs[0]].name.decode(errors="replace")
                trained = tuple(
                    (number, int(operator.inputs[position]))
                    for position in trainable_inputs(kind)
                    if position < len(operator.inputs)
                    and self._is_float_constant(number, int(operator.inputs[position]))
                )
                layers.append((place in self._used if number == 0 else number in loops, Layer(name, kind, trained)))
        return layers

    def _is_weight(self, number: int, index: int) -> bool:
        return self._is_float_constant(number, index) and len(self.values([(number, index)])[number, index].shape) > 1

    def _is_float_constant(self, number: int, index: int) -> bool:
        values = self._constants.get((number, index))
        return values is not None and values.dtype == np.float32

    def _is_constant(self, number: int, index: int) -> bool:
        return self._constants.get((number, index)) is not None

    def _kind(self, operator: Any) -> str:
        return str(self._name_of(self.graph_file, operator.opcodeIndex))


def _are_close(expected: np.ndarray, received: np.ndarray) -> bool:
    if expected.shape != received.shape:
        return False
    if expected.dtype.kind != "f":
        return bool(np.array_equal(expected, received))
    largest = max(float(np.abs(expected).max(initial=0)), 1e-6)
    return float(np.abs(expected - received).max(initial=0)) <= _LARGEST_DIFFERENCE * largest


def _constant(graph_file: Any, tensor: Any) -> np.ndarray | None:
    from ai_edge_litert.tools import flatbuffer_utils

    data = graph_file.buffers[tensor.buffer].data
    if data is None or len(data) == 0 or tensor.isVariable:
        return None
    name = flatbuffer_utils.type_to_name(tensor.type).lower()
    if name not in ("float32", "int32", "int64", "bool", "int8", "uint8", "int16"):
        return None
    shape = () if tensor.shape is None else tuple(int(size) for size in tensor.shape)
    return np.frombuffer(bytes(data), np.dtype(name)).reshape(shape)


class Student:
    """A network whose weights and ranges are variables and whose values are rounded as they will be on the device.

    Weights and biases are trained as a change relative to their size, and ranges as a factor, so that one learning rate
    fits layers of any scale.

    Attributes:
        variables: All variables, in a fixed order.
    """

    def __init__(self, network: Network, plan: RoundingPlan, example: Mapping[int, np.ndarray]) -> None:
        import tensorflow as tf

        self._network, self._plan = network, plan
        self._places = tuple(dict.fromkeys(place for layer in network.trained for place in layer.constants))
        self._initial = network.values(self._places)
        self._changes = {place: tf.Variable(tf.zeros(self._initial[place].shape)) for place in self._places}
        roundings = dict.fromkeys([*plan.written.values(), *plan.read.values()])
        self._factors = {each: tf.Variable([1.0, 1.0]) for each in roundings if each not in plan.fixed}
        #: Rounding of weights, by tensor: several readers share it.
        self._rounding = {
            (number, index): rounding
            for number, place, position, index in self._reads()
            if (rounding := plan.weights.get((number, place, position))) is not None and rounding.bits in (4, 8)
        }
        self._first_bounds = {
            place: first_bounds(network.values([place])[place], rounding)
            for place, rounding in self._rounding.items()
            if rounding.bits == 4
        }
        self._stretches = {place: tf.Variable(tf.ones(bounds.shape)) for place, bounds in self._first_bounds.items()}
        self._units = {place: self._unit(place, example) for place in self._places}
        self.variables = [*self._changes.values(), *self._factors.values(), *self._stretches.values()]

    def run(self, sources: Mapping[int, Any]) -> dict[int, Any]:
        """Compute the tensors with everything rounded."""
        current = {place: self._rounded_constant(place) for place in dict.fromkeys([*self._places, *self._rounding])}
        constants = {
            (number, place, position): current[number, index]
            for number, place, position, index in self._reads()
            if (number, index) in current
        }
        return self._network.run(sources, Changes(constants, self._written, self._read))

    def trained_constants(self) -> dict[Place, np.ndarray]:
        """The present values of all trained constants; those that become integers are rounded to them already."""
        return {place: np.asarray(self._rounded_constant(place), np.float32) for place in self._places}

    def trained_limits(self) -> dict[str, tuple[float, float]]:
        """The present range of every rounded tensor of the main subgraph, by name."""
        limits: dict[str, tuple[float, float]] = {}
        graphs = self._network.graph_file.subgraphs
        for (number, index), rounding in self._plan.written.items():
            if number == 0:
                limits[graphs[0].tensors[index].name.decode()] = self._limits(rounding)
        for (number, place, position), rounding in self._plan.read.items():
            if number == 0:
                index = graphs[0].operators[place].inputs[position]
                limits.setdefault(graphs[0].tensors[index].name.decode(), self._limits(rounding))
        return limits

    def _limits(self, rounding: ActivationRounding) -> tuple[float, float]:
        factors = self._factors[rounding].numpy() if rounding in self._factors else (1.0, 1.0)
        low, high = (float(end * factor) for end, factor in zip(rounding.limits, factors, strict=False))
        return low, high

    def _written(self, place: Place, value: Any) -> Any:
        rounding = self._plan.written.get(place)
        return value if rounding is None else self._rounded(value, rounding)

    def _read(self, reading: Reading, value: Any) -> Any:
        rounding = self._plan.read.get(reading)
        return value if rounding is None else self._rounded(value, rounding)

    def _rounded(self, value: Any, rounding: ActivationRounding) -> Any:
        import tensorflow as tf

        low, high = (tf.constant(end, tf.float32) for end in rounding.limits)
        if rounding in self._factors:
            factors = self._factors[rounding]
            low, high = low * factors[0], high * factors[1]
        return rounded_activation(value, low, high, rounding.bits)

    def _reads(self) -> list[tuple[int, int, int, int]]:
        """Number of the subgraph, operator, input and tensor of every constant that is trained or rounded."""
        return [
            (number, place, position, int(index))
            for number, graph in enumerate(self._network.graph_file.subgraphs)
            for place, operator in enumerate(graph.operators)
            for position, index in enumerate(operator.inputs)
            if (number, int(index)) in self._initial or (number, place, position) in self._plan.weights
        ]

    def _rounded_constant(self, place: Place) -> Any:
        import tensorflow as tf

        value = self._current(place) if place in self._changes else tf.constant(self._network.values([place])[place])
        if place not in self._rounding:
            return value
        bounds = self._first_bounds[place] * self._stretches[place] if place in self._stretches else None
        return rounded_weights(value, self._rounding[place], bounds)

    def _current(self, place: Place) -> Any:
        return self._initial[place] + self._units[place] * self._changes[place]

    def _unit(self, place: Place, example: Mapping[int, np.ndarray]) -> np.ndarray:
        """Size of a change of 1: the root mean square of a channel's weights, or of the layer's result for a bias."""
        values = self._initial[place]
        number, index = place
        if values.ndim > 1:
            axis = self._rounding[place].axis if place in self._rounding else 0
            axes = tuple(each for each in range(values.ndim) if each != axis)
            return np.sqrt(np.mean(np.square(values), axis=axes, keepdims=True) + 1e-12).astype(np.float32)
        for operator in self._network.graph_file.subgraphs[number].operators:
            if index in map(int, operator.inputs) and number == 0 and int(operator.outputs[0]) in example:
                result = example[int(operator.outputs[0])]
                return np.asarray(np.sqrt(np.mean(np.square(result))) + 1e-6, np.float32)
        return np.asarray(np.sqrt(np.mean(np.square(values))) + 1e-3, np.float32)
