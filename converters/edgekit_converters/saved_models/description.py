"""Reads signatures, graphs and functions of a SavedModel folder from its protocol buffer alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgekit_converters.saved_models.wire_format import MessageReader, text
from edgekit_runtime.errors import ModelFileError

_GRAPH_FILE = "saved_model.pb"
#: Largest possible size of a protocol buffer.
_LARGEST_BYTES = 2**31 - 1
#: A Keras EfficientNet has a few hundred thousand nodes, and about ten fields per node are read.
_MOST_FIELDS = 30_000_000
_MOST_NODES = 1_000_000

# Field numbers of tensorflow/core/protobuf/{saved_model,meta_graph,saver}.proto and core/framework/*.proto.
_SAVED_MODEL_META_GRAPHS = 2
_META_INFO, _META_GRAPH, _META_SAVER, _META_SIGNATURES = 1, 2, 3, 5
_INFO_TAGS, _INFO_TENSORFLOW_VERSION = 4, 5
_GRAPH_NODES, _GRAPH_LIBRARY = 1, 2
_LIBRARY_FUNCTIONS = 1
_FUNCTION_SIGNATURE, _FUNCTION_NODES = 1, 3
_OP_DEF_NAME = 1
_NODE_NAME, _NODE_OP, _NODE_INPUTS, _NODE_ATTRIBUTES = 1, 2, 3, 5
_MAP_KEY, _MAP_VALUE = 1, 2
_ATTRIBUTE_LIST, _ATTRIBUTE_FUNCTION = 1, 10
_LIST_FUNCTIONS = 9
_NAMED_FUNCTION, _NAMED_FUNCTION_ATTRIBUTES = 1, 2
_SAVER_SAVE, _SAVER_RESTORE = 2, 3
_SIGNATURE_INPUTS, _SIGNATURE_OUTPUTS = 1, 2
_TENSOR_NAME, _TENSOR_DTYPE, _TENSOR_SHAPE = 1, 2, 3
_SHAPE_DIMENSIONS, _SHAPE_UNKNOWN_RANK = 2, 3
_DIMENSION_SIZE = 1
#: Names of tensorflow/core/framework/types.proto.
_DTYPES = {
    1: "float32", 2: "float64", 3: "int32", 4: "uint8", 5: "int16", 6: "int8", 7: "string", 8: "complex64",
    9: "int64", 10: "bool", 14: "bfloat16", 17: "uint16", 18: "complex128", 19: "float16", 20: "resource",
    21: "variant", 22: "uint32", 23: "uint64",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class SignatureTensor:
    """An input or output of a signature.

    Attributes:
        name: Name in the signature.
        tensor: The tensor in the graph, ``node:0``; empty for a sparse or composite one.
        dtype: Type as named by numpy, or ``string``, ``resource``, ``variant``.
        shape: Sizes, -1 for any size; None for an unknown number of axes.
    """

    name: str
    tensor: str
    dtype: str
    shape: tuple[int, ...] | None

    def __str__(self) -> str:
        sizes = "any shape" if self.shape is None else ", ".join("any" if s == -1 else str(s) for s in self.shape)
        return f"{self.name}: {self.dtype} ({sizes})"

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain values."""
        return {"name": self.name, "dtype": self.dtype, "shape": None if self.shape is None else list(self.shape)}


@dataclass(frozen=True, slots=True)
class Signature:
    """A function that was saved under a name, with names for its inputs and outputs.

    Attributes:
        name: Name, such as ``serving_default``.
        inputs: Inputs sorted by name, as TensorFlow passes them.
        outputs: Outputs sorted by name.
    """

    name: str
    inputs: tuple[SignatureTensor, ...]
    outputs: tuple[SignatureTensor, ...]

    def __str__(self) -> str:
        return f"{self.name}({', '.join(map(str, self.inputs))}) → {', '.join(map(str, self.outputs))}"

    @property
    def takes_text(self) -> bool:
        """Whether an input is a string tensor, which few models on a device accept."""
        return any(tensor.dtype == "string" for tensor in self.inputs)

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain values."""
        return {
            "name": self.name,
            "inputs": [tensor.to_dict() for tensor in self.inputs],
            "outputs": [tensor.to_dict() for tensor in self.outputs],
        }


@dataclass(frozen=True, slots=True)
class GraphNode:
    """A node of a graph or a function.

    Attributes:
        name: Name, unique in its graph.
        op: Name of the operator, or of the function that it calls.
        inputs: References of the form ``node:0``, ``node:output:0`` or ``^node``.
        functions: Functions named in its attributes.
    """

    name: str
    op: str
    inputs: tuple[str, ...]
    functions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MetaGraph:
    """One of the graphs of a SavedModel.

    Attributes:
        number: Index in the file.
        tags: Tags, such as ``serve``.
        tensorflow_version: Version that wrote it; empty if the file does not say.
        signatures: Signatures by name.
        nodes: Nodes of the main graph, by name.
        functions: Nodes of each function, by the function's name.
        save: Tensor that saves the variables; empty without a saver.
        restore: Node that restores the variables.
    """

    number: int
    tags: tuple[str, ...]
    tensorflow_version: str
    signatures: Mapping[str, Signature]
    nodes: Mapping[str, GraphNode]
    functions: Mapping[str, tuple[GraphNode, ...]]
    save: str
    restore: str

    def all_nodes(self) -> Iterator[GraphNode]:
        """Yield every node of the main graph and of every function."""
        yield from self.nodes.values()
        for nodes in self.functions.values():
            yield from nodes


def read_graph_file(folder: Path) -> bytes:
    """Read the protocol buffer of a SavedModel folder.

    Raises:
        ModelFileError: The folder does not contain one.
    """
    graph_file = folder / _GRAPH_FILE
    if not graph_file.is_file():
        received = ", ".join(sorted(path.name for path in folder.iterdir())[:6]) or "an empty folder"
        raise ModelFileError(
            f"{folder} is a folder without a {_GRAPH_FILE}.",
            expected="a Keras file (.h5, .keras) or a SavedModel folder",
            received=received,
        )
    with graph_file.open("rb") as file:
        content = file.read(_LARGEST_BYTES + 1)
    if len(content) > _LARGEST_BYTES:
        raise ModelFileError(f"{graph_file} is larger than a protocol buffer can be, 2 GiB.")
    return content


def read_meta_graphs(content: bytes, folder: Path) -> tuple[MetaGraph, ...]:
    """Read the graphs of a SavedModel, without loading or running any of it.

    Args:
        content: Result of :func:`read_graph_file`.
        folder: The SavedModel, for messages.
    Raises:
        ModelFileError: The content is damaged.
    """
    try:
        graphs = _GraphReader().meta_graphs(memoryview(content))
    except ValueError as error:
        raise _damaged(folder, str(error)) from error
    if not graphs:
        raise _damaged(folder, "no graph in it")
    return graphs


def _damaged(folder: Path, received: str) -> ModelFileError:
    return ModelFileError(
        f"{folder / _GRAPH_FILE} is damaged.",
        expected="a SavedModel protocol buffer",
        received=received,
        next_step="copy the folder again from where it was saved",
    )


class _GraphReader:
    """Reads the messages of one file, and counts the nodes that it keeps."""

    def __init__(self) -> None:
        self._reader = MessageReader(_MOST_FIELDS)
        self._nodes = 0

    def meta_graphs(self, content: memoryview) -> tuple[MetaGraph, ...]:
        messages = self._reader.values(content, _SAVED_MODEL_META_GRAPHS)
        return tuple(self._meta_graph(number, message) for number, message in enumerate(messages))

    def _meta_graph(self, number: int, message: memoryview) -> MetaGraph:
        parts = self._grouped(message)
        info = self._grouped(*parts.get(_META_INFO, ()))
        saver = self._grouped(*parts.get(_META_SAVER, ()))
        nodes: dict[str, GraphNode] = {}
        functions: dict[str, tuple[GraphNode, ...]] = {}
        for graph in parts.get(_META_GRAPH, ()):
            for field, value in self._reader.fields(graph):
                if field == _GRAPH_NODES and isinstance(value, memoryview):
                    node = self._node(value)
                    nodes[node.name] = node
                elif field == _GRAPH_LIBRARY and isinstance(value, memoryview):
                    functions |= map(self._function, self._reader.values(value, _LIBRARY_FUNCTIONS))
        signatures = [self._signature(entry) for entry in parts.get(_META_SIGNATURES, ())]
        return MetaGraph(
            number=number,
            tags=tuple(map(text, info.get(_INFO_TAGS, ()))),
            tensorflow_version=_last_text(info, _INFO_TENSORFLOW_VERSION),
            signatures={signature.name: signature for signature in sorted(signatures, key=lambda each: each.name)},
            nodes=nodes,
            functions=functions,
            save=_last_text(saver, _SAVER_SAVE),
            restore=_last_text(saver, _SAVER_RESTORE),
        )

    def _grouped(self, *messages: memoryview) -> dict[int, list[memoryview]]:
        """Group a message's strings and nested messages by field number; a message may consist of several parts."""
        groups: dict[int, list[memoryview]] = {}
        for message in messages:
            for number, value in self._reader.fields(message):
                if isinstance(value, memoryview):
                    groups.setdefault(number, []).append(value)
        return groups

    def _function(self, message: memoryview) -> tuple[str, tuple[GraphNode, ...]]:
        parts = self._grouped(message)
        signature = self._grouped(*parts.get(_FUNCTION_SIGNATURE, ()))
        return _last_text(signature, _OP_DEF_NAME), tuple(map(self._node, parts.get(_FUNCTION_NODES, ())))

    def _node(self, message: memoryview) -> GraphNode:
        self._nodes += 1
        if self._nodes > _MOST_NODES:
            raise ValueError(f"more than {_MOST_NODES:,} nodes")
        parts = self._grouped(message)
        functions: list[str] = []
        for attribute in parts.get(_NODE_ATTRIBUTES, ()):
            for value in self._reader.values(attribute, _MAP_VALUE):
                functions += self._functions_of(value)
        return GraphNode(
            _last_text(parts, _NODE_NAME),
            _last_text(parts, _NODE_OP),
            tuple(map(text, parts.get(_NODE_INPUTS, ()))),
            tuple(functions),
        )

    def _functions_of(self, value: memoryview) -> list[str]:
        """The functions that an attribute names directly, in a list, or in a named function's own attributes."""
        names: list[str] = []
        waiting = [value]
        while waiting:
            parts = self._grouped(waiting.pop())
            named = list(parts.get(_ATTRIBUTE_FUNCTION, ()))
            for each in parts.get(_ATTRIBUTE_LIST, ()):
                named += self._reader.values(each, _LIST_FUNCTIONS)
            for function in named:
                inner = self._grouped(function)
                names.append(_last_text(inner, _NAMED_FUNCTION))
                for attribute in inner.get(_NAMED_FUNCTION_ATTRIBUTES, ()):
                    waiting += self._reader.values(attribute, _MAP_VALUE)
        return names

    def _signature(self, entry: memoryview) -> Signature:
        name, value = self._map_entry(entry)
        parts = self._grouped(value)
        inputs = [self._tensor(each) for each in parts.get(_SIGNATURE_INPUTS, ())]
        outputs = [self._tensor(each) for each in parts.get(_SIGNATURE_OUTPUTS, ())]
        return Signature(name, _by_name(inputs), _by_name(outputs))

    def _map_entry(self, entry: memoryview) -> tuple[str, memoryview]:
        parts = self._grouped(entry)
        return _last_text(parts, _MAP_KEY), parts.get(_MAP_VALUE, [memoryview(b"")])[-1]

    def _tensor(self, entry: memoryview) -> SignatureTensor:
        name, value = self._map_entry(entry)
        tensor, dtype, shape = "", "", None
        for number, field in self._reader.fields(value):
            if number == _TENSOR_NAME and isinstance(field, memoryview):
                tensor = text(field)
            elif number == _TENSOR_DTYPE and isinstance(field, int):
                dtype = _DTYPES.get(field, f"type {field}")
            elif number == _TENSOR_SHAPE and isinstance(field, memoryview):
                shape = self._shape(field)
        return SignatureTensor(name, tensor, dtype, shape)

    def _shape(self, message: memoryview) -> tuple[int, ...] | None:
        sizes = []
        for number, value in self._reader.fields(message):
            if number == _SHAPE_UNKNOWN_RANK and value:
                return None
            if number == _SHAPE_DIMENSIONS and isinstance(value, memoryview):
                size = [v for n, v in self._reader.fields(value) if n == _DIMENSION_SIZE and isinstance(v, int)]
                # Negative numbers are stored as 64-bit two's complement.
                sizes.append(size[-1] if size and size[-1] < 2**63 else -1 if size else 0)
        return tuple(sizes)


def _last_text(parts: Mapping[int, list[memoryview]], number: int) -> str:
    return text(parts[number][-1]) if number in parts else ""


def _by_name(tensors: list[SignatureTensor]) -> tuple[SignatureTensor, ...]:
    return tuple(sorted(tensors, key=lambda tensor: tensor.name))
