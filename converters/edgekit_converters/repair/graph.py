"""A float .tflite whose constants and operators can be changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgekit_converters.own_models import parse_own_model
from edgekit_converters.quantization.packing import packed
from edgekit_runtime.tflite.tflite_model import TfliteModel

#: Fused activations under which a positive factor passes from the output of an operator to its weights.
HOMOGENEOUS = ("NONE", "RELU")


@dataclass(frozen=True, slots=True)
class Node:
    """One operator of the main graph.

    Attributes:
        kind: Name of the builtin, such as ``CONV_2D``.
        inputs: Tensor numbers; -1 for an omitted optional input.
        outputs: Tensor numbers.
        activation: Name of the fused activation, ``NONE`` if there is none.
        raw: ``OperatorT`` of the schema.
    """

    kind: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    activation: str
    raw: Any

    @property
    def options(self) -> Any:
        """The options table of the schema; None if the operator has none."""
        return self.raw.builtinOptions


class EditableGraph:
    """The main graph of a float model, in the object form of the schema.

    Args:
        model: A float32 model. It is not changed; :meth:`model` returns the changed copy.
    """

    def __init__(self, model: TfliteModel) -> None:
        from ai_edge_litert import schema_py_generated as schema
        from ai_edge_litert.tools import flatbuffer_utils

        self._schema = schema
        self._original = model
        self._is_changed = False
        self._file = flatbuffer_utils.read_model_from_bytearray(bytearray(model.content))
        self._graph = self._file.subgraphs[0]
        self._builtins = {
            number: name for name, number in vars(schema.BuiltinOperator).items() if not name.startswith("_")
        }
        self._activations = {
            number: name for name, number in vars(schema.ActivationFunctionType).items() if not name.startswith("_")
        }
        self._values: dict[int, np.ndarray] = {}
        self._index()

    def _index(self) -> None:
        self.nodes = [self._node(operator) for operator in self._graph.operators]
        self._readers: dict[int, list[Node]] = {}
        self._writers: dict[int, Node] = {}
        for node in self.nodes:
            for tensor in dict.fromkeys(node.inputs):
                self._readers.setdefault(tensor, []).append(node)
            for tensor in node.outputs:
                self._writers[tensor] = node
        self._users = np.bincount([tensor.buffer for graph in self._file.subgraphs for tensor in graph.tensors])

    def _node(self, operator: Any) -> Node:
        code = self._file.operatorCodes[operator.opcodeIndex]
        number = max(code.builtinCode, code.deprecatedBuiltinCode)
        fused = getattr(operator.builtinOptions, "fusedActivationFunction", 0)
        inputs, outputs = (tuple(map(int, _numbers(each))) for each in (operator.inputs, operator.outputs))
        return Node(self._builtins[number], inputs, outputs, self._activations[fused], operator)

    @property
    def inputs(self) -> tuple[int, ...]:
        """Tensor numbers of the graph's inputs."""
        return tuple(map(int, self._graph.inputs))

    @property
    def outputs(self) -> tuple[int, ...]:
        """Tensor numbers of the graph's outputs."""
        return tuple(map(int, self._graph.outputs))

    def name(self, tensor: int) -> str:
        """Name of a tensor."""
        return str(self._graph.tensors[tensor].name.decode())

    def shape(self, tensor: int) -> tuple[int, ...]:
        """Sizes of a tensor as stored; 1 for those that the caller chooses."""
        return tuple(map(int, _numbers(self._graph.tensors[tensor].shape)))

    def open_shape(self, tensor: int) -> tuple[int, ...]:
        """Sizes of a tensor; -1 for those that the caller chooses."""
        signature = self._graph.tensors[tensor].shapeSignature
        return self.shape(tensor) if signature is None else tuple(map(int, signature))

    def is_float(self, tensor: int) -> bool:
        """Whether a tensor is float32."""
        return bool(self._graph.tensors[tensor].type == self._schema.TensorType.FLOAT32)

    def readers(self, tensor: int) -> Sequence[Node]:
        """The operators that read a tensor, in execution order."""
        return self._readers.get(tensor, ())

    def value_readers(self, tensor: int) -> Sequence[Node]:
        """The operators that read the values of a tensor, and not only its shape."""
        return [node for node in self.readers(tensor) if node.kind != "SHAPE"]

    def writer(self, tensor: int) -> Node | None:
        """The operator that computes a tensor; None for an input or a constant."""
        return self._writers.get(tensor)

    def constant(self, tensor: int) -> np.ndarray | None:
        """The values of a float32 constant, not to be changed in place; None for any other tensor."""
        if tensor < 0 or not self.is_float(tensor):
            return None
        if tensor not in self._values:
            data = self._file.buffers[self._graph.tensors[tensor].buffer].data
            if data is None or len(data) == 0:
                return None
            self._values[tensor] = np.frombuffer(bytes(data), "<f4").reshape(self.shape(tensor))
        return self._values[tensor]

    def integers(self, tensor: int) -> np.ndarray | None:
        """The values of a constant of 32-bit integers, such as axes; None for any other tensor."""
        if tensor < 0 or self._graph.tensors[tensor].type != self._schema.TensorType.INT32:
            return None
        data = self._file.buffers[self._graph.tensors[tensor].buffer].data
        return None if data is None or len(data) == 0 else np.frombuffer(bytes(data), "<i4").reshape(self.shape(tensor))

    def is_shared(self, tensor: int) -> bool:
        """Whether several operators read a constant, or other tensors share its data."""
        return len(self.readers(tensor)) > 1 or self._users[self._graph.tensors[tensor].buffer] > 1

    def replace_input(self, node: Node, position: int, values: np.ndarray) -> None:
        """Give an operator other values for a constant that it reads; other readers keep the old ones.

        Args:
            node: The operator.
            position: Position among its inputs.
            values: float32, any shape.
        """
        tensor = node.inputs[position]
        values = np.ascontiguousarray(values, "<f4")
        old = self.constant(tensor)
        if old is not None and old.shape == values.shape and np.array_equal(old, values):
            return
        self._is_changed = True
        if old is None or self.is_shared(tensor):
            tensor = self.add_constant(f"{self.name(node.outputs[0])}/repaired_{position}", values)
            self._rewire(node, position, tensor)
            return
        self._graph.tensors[tensor].shape = list(values.shape)
        self._file.buffers[self._graph.tensors[tensor].buffer].data = values.view(np.uint8).reshape(-1)
        self._values[tensor] = values

    def add_constant(self, name: str, values: np.ndarray) -> int:
        """Add a float32 constant and return its tensor number."""
        values = np.ascontiguousarray(values, "<f4")
        buffer = self._schema.BufferT()
        buffer.data = values.view(np.uint8).reshape(-1)
        self._file.buffers.append(buffer)
        return self._add_tensor(name, list(values.shape), None, len(self._file.buffers) - 1)

    def add_like(self, tensor: int, suffix: str) -> int:
        """Add a computed tensor with the sizes of another one and return its number."""
        like = self._graph.tensors[tensor]
        signature = None if like.shapeSignature is None else list(like.shapeSignature)
        return self._add_tensor(f"{self.name(tensor)}/{suffix}", list(like.shape), signature, 0)

    def _add_tensor(self, name: str, shape: list[int], signature: list[int] | None, buffer: int) -> int:
        taken = {tensor.name for graph in self._file.subgraphs for tensor in graph.tensors}
        unique = next(
            each
            for number in range(len(taken) + 1)
            if (each := f"{name}_{number or ''}".rstrip("_").encode()) not in taken
        )
        tensor = self._schema.TensorT()
        tensor.name, tensor.shape, tensor.shapeSignature = unique, shape, signature
        tensor.type, tensor.buffer = self._schema.TensorType.FLOAT32, buffer
        tensor.hasRank = True
        self._graph.tensors.append(tensor)
        self._index()
        return len(self._graph.tensors) - 1

    def insert(
        self, kind: str, inputs: Sequence[int], output: int, *, after: Node | None, activation: str = "NONE"
    ) -> Node:
        """Insert an elementwise ``ADD`` or ``MUL`` and return it.

        Args:
            kind: ``ADD`` or ``MUL``.
            inputs: Tensor numbers.
            output: Tensor number.
            after: The operator that it follows in execution order; None puts it first.
            activation: Name of the fused activation.
        """
        schema = self._schema
        operator = schema.OperatorT()
        operator.opcodeIndex = self._operator_code(getattr(schema.BuiltinOperator, kind))
        operator.inputs, operator.outputs = list(inputs), [output]
        operator.builtinOptions = schema.AddOptionsT() if kind == "ADD" else schema.MulOptionsT()
        options = schema.BuiltinOptions
        operator.builtinOptionsType = options.AddOptions if kind == "ADD" else options.MulOptions
        operator.builtinOptions.fusedActivationFunction = getattr(schema.ActivationFunctionType, activation)
        place = 0
        if after is not None:
            place = 1 + next(number for number, each in enumerate(self._graph.operators) if each is after.raw)
        self._graph.operators.insert(place, operator)
        self._index()
        return self.nodes[place]

    def set_activation(self, node: Node, activation: str) -> None:
        """Change the fused activation of an operator."""
        self._is_changed = True
        node.options.fusedActivationFunction = getattr(self._schema.ActivationFunctionType, activation)
        self._index()

    def set_output(self, node: Node, tensor: int) -> None:
        """Let an operator with one output write another tensor."""
        node.raw.outputs = [tensor]
        self._index()

    def set_input(self, node: Node, old: int, new: int) -> None:
        """Let an operator read another tensor in place of ``old``."""
        node.raw.inputs = [new if int(each) == old else int(each) for each in node.raw.inputs]
        self._index()

    def model(self) -> TfliteModel:
        """The changed model; the original one if nothing was changed."""
        if not self._is_changed:
            return self._original
        return parse_own_model(packed(self._file), step="has repaired the float model")

    def _rewire(self, node: Node, position: int, tensor: int) -> None:
        inputs = [int(each) for each in node.raw.inputs]
        inputs[position] = tensor
        node.raw.inputs = inputs
        self._index()

    def _operator_code(self, builtin: int) -> int:
        codes = self._file.operatorCodes
        for number, code in enumerate(codes):
            if max(code.builtinCode, code.deprecatedBuiltinCode) == builtin:
                return number
        code = self._schema.OperatorCodeT()
        code.builtinCode = code.deprecatedBuiltinCode = builtin
        code.version = 1
        codes.append(code)
        return len(codes) - 1


def _numbers(values: Any) -> Sequence[int]:
    return () if values is None else values
