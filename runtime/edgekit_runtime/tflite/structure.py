"""Checks the structure of a .tflite file and describes it, before native code sees any of it.

An interpreter uses the offsets and numbers of the file unchecked; tflite-runtime 2.14 crashes on a truncated file. In
a file that passes this check, all offsets point into the file, and to data of the right kind. The values of weights
cannot be checked without a digest.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from edgekit_runtime.errors import ModelFileError
from edgekit_runtime.inputs.windows import WINDOWED, check_window
from edgekit_runtime.packed_file.zip_parts import flatbuffer_end, zip_end
from edgekit_runtime.tflite.custom_operators import CUSTOM_OPERATORS, check_custom_operator
from edgekit_runtime.tflite.description import (
    ModelDescription,
    SignatureDescription,
    SubgraphDescription,
    TensorDescription,
)
from edgekit_runtime.tflite.flatbuffer import FlatBuffer, Table, damaged
from edgekit_runtime.tflite.operator_structure import read_operator, read_operator_code
from edgekit_runtime.tflite.scales import check_scales
from edgekit_runtime.tflite.schema import Buffer, Metadata, Operator, SignatureDef, SubGraph, TensorMap
from edgekit_runtime.tflite.schema import Model as ModelTable
from edgekit_runtime.tflite.schema import Tensor as TensorTable
from edgekit_runtime.tflite.shapes import OpenSizes, check_shapes
from edgekit_runtime.tflite.slices import SLICING, check_slice
from edgekit_runtime.tflite.tensor_structure import read_tensor

if TYPE_CHECKING:
    from edgekit_runtime.packed_file.mapped_file import Content

FILE_IDENTIFIER = b"TFL3"
SCHEMA_VERSION = 3
_LARGEST_PADDING = 64


def read_model_description(data: Content) -> ModelDescription:
    """Check the structure of a .tflite file and describe its content.

    Args:
        data: Content of the whole file; a zip may follow the FlatBuffer.
    Returns:
        Subgraphs, signatures and metadata of the file.
    Raises:
        ModelFileError: The file is not a .tflite, or its structure is damaged.
    """
    if len(data) < 8 or data[4:8] != FILE_IDENTIFIER:
        raise ModelFileError(
            "This is not a .tflite file.",
            expected="a FlatBuffer with the identifier 'TFL3' after its first four bytes",
            received="an empty file" if not data else f"{len(data)} bytes that start with {data[:8]!r}",
            next_step="convert the model with: edgekit convert model.h5",
        )
    try:
        end = flatbuffer_end(data)
    except ValueError as error:
        raise damaged(f"the zip behind it: {error}") from error
    model = FlatBuffer(data, end).root()
    version = model.scalar(ModelTable.VERSION, "I")
    if version != SCHEMA_VERSION:
        raise damaged(f"its schema version is {version}, not {SCHEMA_VERSION}")
    buffer_tables = list(model.tables(ModelTable.BUFFERS, "buffer"))
    buffers = [_buffer_place(buffer, end) for buffer in buffer_tables]
    # If the weights are stored behind the FlatBuffer, this is the only way to detect that the zip was lost.
    unclaimed = len(data) - max((start + size for start, size in buffers), default=0)
    weights_behind = any(buffer.scalar(Buffer.OFFSET, "Q") > 1 for buffer in buffer_tables)
    if weights_behind and unclaimed > _LARGEST_PADDING and zip_end(data) < 0:
        raise damaged(f"{unclaimed} unknown bytes follow its weights")
    operator_codes = [read_operator_code(code) for code in model.tables(ModelTable.OPERATOR_CODES, "operator code")]
    subgraph_tables = list(model.tables(ModelTable.SUBGRAPHS, "subgraph"))
    if not subgraph_tables:
        raise damaged("it does not contain a subgraph")
    calls: list[set[int]] = []
    subgraphs = []
    for table in subgraph_tables:
        called: set[int] = set()
        subgraphs.append(_subgraph(memoryview(data)[:end], table, operator_codes, buffers, called))
        calls.append(called)
    if not subgraphs[0].inputs or not subgraphs[0].outputs:
        raise ModelFileError(
            "The model has no inputs or no outputs.",
            expected="at least one of each",
            received=f"{len(subgraphs[0].inputs)} inputs, {len(subgraphs[0].outputs)} outputs",
            next_step="convert a signature that takes tensors and returns some",
        )
    _require_no_recursion(calls)
    return ModelDescription(
        size_bytes=len(data),
        description=model.string(ModelTable.DESCRIPTION, "description"),
        subgraphs=tuple(subgraphs),
        signatures=tuple(
            _signature(table, subgraphs) for table in model.tables(ModelTable.SIGNATURE_DEFS, "signature")
        ),
        metadata=tuple(_metadata_name(entry, len(buffers)) for entry in model.tables(ModelTable.METADATA, "metadata")),
        weights_behind=weights_behind,
    )


def _buffer_place(buffer: Table, end: int) -> tuple[int, int]:
    """Start and size of constant data, which may be inside or behind the FlatBuffer, but before the zip."""
    start, size = buffer.vector_place(Buffer.DATA, "data")
    return _place_of_large_data(buffer, Buffer.OFFSET, Buffer.SIZE, end) or (start, size)


def _place_of_large_data(table: Table, offset_field: int, size_field: int, end: int) -> tuple[int, int] | None:
    """Start and size of data to which a 64-bit offset from the start of the file points; ``None`` without an offset."""
    offset, size = table.scalar(offset_field, "Q"), table.scalar(size_field, "Q")
    # In the schema, the offsets 0 and 1 mean that the data is in the FlatBuffer.
    if offset <= 1:
        return None
    # Digest and signature cover everything before the zip, but nothing between or behind its parts.
    if offset >= end or offset + size > end:
        raise damaged(f"{table.what} has data outside the file's FlatBuffer")
    return offset, size


def _subgraph(
    data: memoryview,
    table: Table,
    operator_codes: list[tuple[int, int, str]],
    buffers: list[tuple[int, int]],
    called: set[int],
) -> SubgraphDescription:
    tables = list(table.tables(SubGraph.TENSORS, "tensor"))
    tensors = tuple(read_tensor(index, tensor, buffers) for index, tensor in enumerate(tables))

    def constants(index: int) -> tuple[int, ...] | None:
        tensor = tensors[index]
        if not tensor.is_constant or tensor.dtype not in ("int32", "int64") or tensor.size_bytes > 1024:
            return None
        start, size = buffers[tables[index].scalar(TensorTable.BUFFER, "I")]
        return tuple(np.frombuffer(data[start : start + size], tensor.dtype).tolist())

    inputs = table.indices(SubGraph.INPUTS, "inputs", len(tensors))
    outputs = table.indices(SubGraph.OUTPUTS, "outputs", len(tensors))
    operators = []
    open_sizes = OpenSizes(
        tensors,
        unranked={t.index for t in tensors if _has_unknown_rank(t, tables[t.index])},
        unsigned={t.index for t in tensors if not tables[t.index].has(TensorTable.SHAPE_SIGNATURE)},
    )
    written = {t.index for t in tensors if t.is_constant or t.is_variable}
    # A tensor without elements need not be written, for example the shape that reshapes a tensor to a scalar.
    empty = {t.index for t in tensors if 0 in t.shape}
    variables = {t.index for t in tensors if t.is_variable}
    written.update(inputs)
    for entry in table.tables(SubGraph.OPERATORS, "operator"):
        operator = read_operator(entry, operator_codes, len(tensors), called)
        _place_of_large_data(entry, Operator.LARGE_CUSTOM_OPTIONS_OFFSET, Operator.LARGE_CUSTOM_OPTIONS_SIZE, len(data))
        unwritten = set(operator.inputs) - written - empty - {-1}
        if unwritten:
            raise damaged(f"{entry.what} reads tensor {min(unwritten)}, which has not been written")
        if operator.name in WINDOWED:
            check_window(entry, operator, tensors, open_sizes)
        if operator.custom_code in CUSTOM_OPERATORS:
            check_custom_operator(entry, operator, tensors, data, open_sizes)
        check_shapes(entry.what, operator, tensors, constants, open_sizes)
        if operator.name in SLICING:
            check_slice(entry, operator, tensors, constants, open_sizes)
        open_sizes.follow(operator)
        check_scales(entry.what, operator, tensors)
        if not variables.issuperset(written.intersection(operator.outputs)):
            raise damaged(f"{entry.what} writes into a tensor that already has a value")
        written.update(operator.outputs)
        operators.append(operator)
    if not written.issuperset(set(outputs) - empty):
        raise damaged(f"an output of {table.what} is a tensor that is never written")
    return SubgraphDescription(table.string(SubGraph.NAME, "name"), tensors, tuple(operators), inputs, outputs)


def _has_unknown_rank(tensor: TensorDescription, table: Table) -> bool:
    """Whether a tensor is stored as a scalar because its rank is unknown."""
    return not (tensor.shape or tensor.is_constant or table.scalar(TensorTable.HAS_RANK, "b"))


def _require_no_recursion(calls: list[set[int]]) -> None:
    """Raise an error if a loop or branch lacks a body or contains itself: native code would recurse forever."""
    for caller, called in enumerate(calls):
        if any(not 0 < index < len(calls) for index in called):
            raise damaged(f"subgraph {caller} calls a subgraph that does not exist")
    open_calls = [set(called) for called in calls]
    while any(open_calls):
        finished = {index for index, called in enumerate(open_calls) if not called}
        if not any(called & finished for called in open_calls):
            raise damaged("its subgraphs call each other in a circle")
        open_calls = [called - finished for called in open_calls]


def _signature(table: Table, subgraphs: list[SubgraphDescription]) -> SignatureDescription:
    subgraph = table.scalar(SignatureDef.SUBGRAPH_INDEX, "I")
    if subgraph >= len(subgraphs):
        raise damaged(f"{table.what} refers to subgraph {subgraph} of {len(subgraphs)}")
    tensor_count = len(subgraphs[subgraph].tensors)
    return SignatureDescription(
        key=table.string(SignatureDef.SIGNATURE_KEY, "key"),
        subgraph=subgraph,
        inputs=_tensor_map(table.tables(SignatureDef.INPUTS, "signature input"), tensor_count),
        outputs=_tensor_map(table.tables(SignatureDef.OUTPUTS, "signature output"), tensor_count),
    )


def _tensor_map(entries: Iterable[Table], tensor_count: int) -> tuple[tuple[str, int], ...]:
    names = []
    for entry in entries:
        index = entry.scalar(TensorMap.TENSOR_INDEX, "I")
        if index >= tensor_count:
            raise damaged(f"{entry.what} names tensor {index} of {tensor_count}")
        names.append((entry.string(TensorMap.NAME, "name"), index))
    return tuple(names)


def _metadata_name(entry: Table, buffer_count: int) -> str:
    buffer = entry.scalar(Metadata.BUFFER, "I")
    if buffer >= buffer_count:
        raise damaged(f"{entry.what} has its data in buffer {buffer} of {buffer_count}")
    return entry.string(Metadata.NAME, "name")
