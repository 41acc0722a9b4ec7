"""Extracts the part of a graph that a signature needs, as a ``GraphDef`` that TensorFlow may import."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from edgekit_converters.saved_models.operators import COMPUTING
from edgekit_converters.saved_models.scan import NeededPart
from edgekit_runtime.errors import ModelFileError, UnsafeModelError

#: Attributes that refer to devices, to other nodes, or to shapes before an input shape was fixed.
_LOCAL_ATTRIBUTES = ("_class", "_output_shapes", "_input_shapes", "_input_hostmem", "_output_hostmem")
#: Most elements of a constant that repeats its single stored value.
_LARGEST_REPEATED_ELEMENTS = 2**26
#: Operators on tensor lists, and the index of their input that is the shape of an element.
_ELEMENT_SHAPES = {
    "TensorListReserve": 0, "EmptyTensorList": 0, "TensorListFromTensor": 1, "TensorListStack": 1,
    "TensorListGetItem": 2, "TensorListGather": 2, "TensorListPopBack": 1, "TensorListConcatV2": 1,
}  # fmt: skip
#: Makes function names unique: TensorFlow identifies functions by name within the whole process.
_numbers = itertools.count()


def part_of(graph: Any, part: NeededPart, folder: Path) -> Any:
    """Extract the needed nodes and functions, and scan them once more as TensorFlow interprets them.

    Args:
        graph: The whole ``GraphDef``.
        part: Names of the needed nodes and functions.
        folder: The SavedModel, for messages.
    Raises:
        UnsafeModelError: An operator does something other than compute.
        ModelFileError: A constant is too large.
    """
    from tensorflow.core.framework.graph_pb2 import GraphDef

    needed = GraphDef(versions=graph.versions)
    needed.node.extend(node for node in graph.node if node.name in part.nodes)
    needed.library.function.extend(each for each in graph.library.function if each.signature.name in part.functions)
    functions = {each.signature.name for each in needed.library.function}
    for node in _all_nodes(needed):
        if node.op not in COMPUTING and not (node.op.startswith("__") and node.op in functions):
            raise UnsafeModelError(
                f"{folder.name} holds the operator {node.op} (node {node.name}), which does more than compute."
            )
        node.ClearField("device")
        for attribute in _LOCAL_ATTRIBUTES:
            node.attr.pop(attribute, None)
        if node.op == "Const":
            _require_small(node.attr["value"].tensor, node.name, folder)
    for function in needed.library.function:
        # One of the attributes is the name by which TFLite recognizes Keras's recurrent layers. TFLite's own operators
        # for these keep their state from one call to the next, which the model does not.
        function.attr.clear()
        for argument in function.arg_attr.values():
            for attribute in _LOCAL_ATTRIBUTES:
                argument.attr.pop(attribute, None)
    return needed


def to_trace(graph: Any, *, batch: int | None) -> Any:
    """Make a copy to be imported once, with unique function names.

    Args:
        graph: Result of :func:`part_of`.
        batch: 1 if a dynamic batch is fixed at 1: tensor lists, as filled by recurrent layers, then contain one
            example instead of any number.
    """
    copy = type(graph)()
    copy.CopyFrom(graph)
    names = {function.signature.name: f"__saved_model_{next(_numbers)}" for function in copy.library.function}
    for function in copy.library.function:
        function.signature.name = names[function.signature.name]
    for node in _all_nodes(copy):
        node.op = names.get(node.op, node.op)
        for value in node.attr.values():
            _rename_functions(value, names)
    if batch == 1:
        for nodes in _scopes(copy):
            _fix_lists(nodes)
    return copy


def _fix_lists(nodes: Any) -> None:
    by_name = {node.name: node for node in nodes}
    for node in nodes:
        place = _ELEMENT_SHAPES.get(node.op)
        if place is not None and place < len(node.input):
            constant = by_name.get(node.input[place].partition(":")[0])
            if constant is not None and constant.op == "Const":
                _fix_first_size(constant.attr["value"].tensor)


def _fix_first_size(stored: Any) -> None:
    import tensorflow as tf

    sizes = np.array(tf.make_ndarray(stored))
    if sizes.ndim == 1 and len(sizes) and sizes[0] == -1 and (sizes[1:] >= 0).all():
        sizes[0] = 1
        stored.CopyFrom(tf.make_tensor_proto(sizes))


def _scopes(graph: Any) -> Iterator[Any]:
    yield graph.node
    for function in graph.library.function:
        yield function.node_def


def _all_nodes(graph: Any) -> Iterator[Any]:
    for nodes in _scopes(graph):
        yield from nodes


def _rename_functions(value: Any, names: Mapping[str, str]) -> None:
    """Rename the functions in an attribute, and recursively in the attributes of these functions."""
    for function in (*([value.func] if value.HasField("func") else ()), *value.list.func):
        function.name = names.get(function.name, function.name)
        for inner in function.attr.values():
            _rename_functions(inner, names)


def _require_small(stored: Any, name: str, folder: Path) -> None:
    """Reject a constant that is small in the file but huge in memory."""
    elements = math.prod(dimension.size for dimension in stored.tensor_shape.dim)
    if not 0 <= elements <= max(_LARGEST_REPEATED_ELEMENTS, stored.ByteSize()):
        raise ModelFileError(
            f"{folder.name} repeats one value {elements:,} times in the constant {name}.",
            expected=f"at most {_LARGEST_REPEATED_ELEMENTS:,} elements",
        )
