"""Cuts a model into parts of one operator each, which interpreters run like any other model.

The Python interfaces of the interpreters have no profiler. A part is therefore a copy of the file in which the main
subgraph has only the part's operators, whose other operands are its inputs and outputs. Weights stay where they are:
the vector of operators is rewritten in place, and the two vectors of tensor numbers are appended. Like any file, a part
passes the structure check before native code sees it.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from math import prod
from typing import NamedTuple

from edgekit_runtime.packed_file.zip_parts import flatbuffer_end
from edgekit_runtime.tflite.description import SubgraphDescription
from edgekit_runtime.tflite.flatbuffer import FlatBuffer, Table, damaged
from edgekit_runtime.tflite.schema import Model, SubGraph
from edgekit_runtime.tflite.tflite_model import TfliteModel

_U32 = struct.Struct("<I")
_ENTRY_BYTES = 4
# Tensors with few whole numbers are shapes, axes and indices, and those of other values cannot stand for them.
_MOST_SHAPE_NUMBERS = 256
_WHOLE_NUMBERS = ("int32", "int64", "bool")
#: Operators whose time counts even if their result is a few whole numbers.
_NEVER_FOLDED = ("ARG_MAX", "ARG_MIN", "TOPK_V2", "NON_MAX_SUPPRESSION_V4", "NON_MAX_SUPPRESSION_V5", "WHILE", "IF")


class Part(NamedTuple):
    """Operators that are timed together.

    Attributes:
        operator: Number of the operator whose time this is.
        operators: It, and those before it that compute its shapes, or constants for it; in the file's order.
        inputs: Tensors that the part takes.
        outputs: Tensors that the part gives.
    """

    operator: int
    operators: tuple[int, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


def parts_of(subgraph: SubgraphDescription) -> tuple[Part, ...]:
    """One part per operator, except for those that only compute shapes or constants for others."""
    producers = {tensor: number for number, each in enumerate(subgraph.operators) for tensor in each.outputs}
    folded = _folded(subgraph)
    parts = []
    for number in range(len(subgraph.operators)):
        if number in folded:
            continue
        numbers, queue = {number}, [number]
        while queue:
            for tensor in subgraph.operators[queue.pop()].inputs:
                producer = producers.get(tensor)
                if producer in folded and producer not in numbers:
                    numbers.add(producer)
                    queue.append(producer)
        operators = tuple(sorted(numbers))
        part = Part(number, operators, _inputs(subgraph, operators), subgraph.operators[number].outputs)
        if part.inputs and part.outputs:
            parts.append(part)
    return tuple(parts)


def cut(model: TfliteModel, part: Part) -> TfliteModel:
    """Make a part a model of its own.

    Raises:
        ModelFileError: The file cannot be rearranged like this.
    """
    buffer = model.buffer
    content = bytearray(buffer[: flatbuffer_end(buffer)])
    content += bytes(-len(content) % _ENTRY_BYTES)
    root = FlatBuffer(buffer).root()
    table = next(root.tables(Model.SUBGRAPHS, "subgraph"))
    start, _ = table.vector_place(SubGraph.OPERATORS, "operators")
    targets = [start + _ENTRY_BYTES * number for number in part.operators]
    targets = [place + _U32.unpack_from(content, place)[0] for place in targets]
    for number, target in enumerate(targets):
        place = start + _ENTRY_BYTES * number
        if target < place:
            raise damaged("a table lies before the vector that refers to it")
        _U32.pack_into(content, place, target - place)
    _U32.pack_into(content, start - _ENTRY_BYTES, len(targets))
    _replace_vector(content, table, SubGraph.INPUTS, part.inputs)
    _replace_vector(content, table, SubGraph.OUTPUTS, part.outputs)
    signatures, _ = root.vector_place(Model.SIGNATURE_DEFS, "signatures")
    if signatures:
        _U32.pack_into(content, signatures - _ENTRY_BYTES, 0)
    return TfliteModel(bytes(content))


def _replace_vector(content: bytearray, table: Table, field: int, numbers: Sequence[int]) -> None:
    place = table.place(field)
    if not place:
        raise damaged("its main subgraph has no inputs or no outputs")
    _U32.pack_into(content, place, len(content) - place)
    content += struct.pack(f"<I{len(numbers)}i", len(numbers), *numbers)


def _folded(subgraph: SubgraphDescription) -> set[int]:
    """Numbers of the operators that only compute shapes or constants for others."""
    read = {tensor for operator in subgraph.operators for tensor in operator.inputs}
    constants = {tensor.index for tensor in subgraph.tensors if tensor.is_constant}
    folded = set()
    for number, operator in enumerate(subgraph.operators):
        if not operator.outputs or not read.issuperset(operator.outputs) or set(operator.outputs) & {*subgraph.outputs}:
            continue
        if constants.issuperset(tensor for tensor in operator.inputs if tensor >= 0):
            constants.update(operator.outputs)
            folded.add(number)
        elif operator.name not in _NEVER_FOLDED and all(_is_shape(subgraph, tensor) for tensor in operator.outputs):
            folded.add(number)
    return folded


def _is_shape(subgraph: SubgraphDescription, tensor: int) -> bool:
    description = subgraph.tensors[tensor]
    return description.dtype in _WHOLE_NUMBERS and prod(description.shape) <= _MOST_SHAPE_NUMBERS


def _inputs(subgraph: SubgraphDescription, operators: Sequence[int]) -> tuple[int, ...]:
    written = {tensor for number in operators for tensor in subgraph.operators[number].outputs}
    read = [tensor for number in operators for tensor in subgraph.operators[number].inputs]
    return tuple(
        tensor
        for tensor in dict.fromkeys(read)
        if tensor >= 0
        and tensor not in written
        and not subgraph.tensors[tensor].is_constant
        and not subgraph.tensors[tensor].is_variable
    )
