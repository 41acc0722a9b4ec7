"""Checks the structure of a .tflite file and describes it, before native code sees a byte.

An interpreter follows the offsets and numbers of the file as they stand; tflite-runtime 2.14 dies of a
truncated one. Whatever passes here points only into the file, and only at what can be there.
Values of weights cannot be checked without a digest.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from edgekit_runtime.description import (
    ModelDescription,
    OperatorDescription,
    SignatureDescription,
    SubgraphDescription,
    TensorDescription,
)
from edgekit_runtime.errors import ModelFileError
from edgekit_runtime.flatbuffer import FlatBuffer, Table, damaged
from edgekit_runtime.scales import check_scales
from edgekit_runtime.schema import (
    BUILTIN_OPERATORS,
    CUSTOM,
    FEWEST_INPUTS,
    INPUTS_TOGETHER,
    OPTIONAL_INPUTS,
    OPTIONS,
    OPTIONS_2,
    OWN_OPTIONS,
    REQUIRED_OPTIONS,
    TENSOR_TYPES,
    WITHOUT_OUTPUTS,
    OptionsSchema,
)
from edgekit_runtime.shapes import WINDOWED, check_shapes, check_window
from edgekit_runtime.zip_parts import flatbuffer_end, zip_end

FILE_IDENTIFIER = b"TFL3"
SCHEMA_VERSION = 3
# No operator takes more dimensions than 8; no tensor of a device's model takes 2 GiB.
_MOST_DIMENSIONS = 8
_LARGEST_TENSOR_BYTES = 2**31 - 1
_LARGEST_PADDING = 64


def read_model_description(data: bytes) -> ModelDescription:
    """Check a .tflite file's structure and describe what it holds.

    Args:
        data: The whole file; a zip may follow the FlatBuffer.
    Returns:
        Its subgraphs, signatures and metadata.
    Raises:
        ModelFileError: It is no .tflite file, or one whose structure is damaged.
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
    version = model.scalar(0, "I")
    if version != SCHEMA_VERSION:
        raise damaged(f"its schema version is {version}, not {SCHEMA_VERSION}")
    buffers = [_buffer_place(buffer, end) for buffer in model.tables(4, "buffer")]
    # Of a model whose weights lie behind the FlatBuffer nothing else tells that its zip is lost.
    unclaimed = len(data) - max((start + size for start, size in buffers), default=0)
    weights_behind = any(buffer.scalar(1, "Q") > 1 for buffer in model.tables(4, "buffer"))
    if weights_behind and unclaimed > _LARGEST_PADDING and zip_end(data) < 0:
        raise damaged(f"{unclaimed} bytes behind its weights belong to nothing")
    operator_codes = [_operator_code(code) for code in model.tables(1, "operator code")]
    subgraph_tables = list(model.tables(2, "subgraph"))
    if not subgraph_tables:
        raise damaged("it holds no subgraph")
    calls: list[set[int]] = []
    subgraphs = []
    for table in subgraph_tables:
        called: set[int] = set()
        subgraphs.append(_subgraph(memoryview(data)[:end], table, operator_codes, buffers, called))
        calls.append(called)
    if not subgraphs[0].inputs or not subgraphs[0].outputs:
        raise damaged("it has no inputs or no outputs")
    _require_no_recursion(calls)
    return ModelDescription(
        size_bytes=len(data),
        description=model.string(3, "description"),
        subgraphs=tuple(subgraphs),
        signatures=tuple(_signature(table, subgraphs) for table in model.tables(7, "signature")),
        metadata=tuple(_metadata_name(entry, len(buffers)) for entry in model.tables(6, "metadata")),
    )


def _buffer_place(buffer: Table, end: int) -> tuple[int, int]:
    """Start and size of constant data, wherever before the zip it is stored."""
    start, size = buffer.vector_place(0, "data")
    return _place_of_large_data(buffer, 1, 2, end) or (start, size)


def _place_of_large_data(table: Table, offset_field: int, size_field: int, end: int) -> tuple[int, int] | None:
    """Start and size of data that a 64-bit offset from the file's start points to, ``None`` without one."""
    offset, size = table.scalar(offset_field, "Q"), table.scalar(size_field, "Q")
    # Offsets 0 and 1 are the schema's placeholders for "the data is in the FlatBuffer".
    if offset <= 1:
        return None
    # Digest and signature cover what comes before the zip, and nothing between or behind its parts.
    if offset >= end or offset + size > end:
        raise damaged(f"{table.what} has data outside the file's FlatBuffer")
    return offset, size


def _operator_code(code: Table) -> tuple[int, int, str]:
    """Number, version and custom name."""
    # The old field is one byte wide; codes that do not fit are in the newer one alone.
    number = max(code.scalar(0, "b"), code.scalar(3, "i"))
    version = code.scalar(2, "i", default=1)
    if not 0 <= number < len(BUILTIN_OPERATORS):
        raise damaged(f"{code.what} names operator {number}, which the schema does not have")
    if version < 1:
        raise damaged(f"{code.what} asks for version {version}")
    return number, version, code.string(1, "custom code")


def _subgraph(
    data: memoryview,
    table: Table,
    operator_codes: list[tuple[int, int, str]],
    buffers: list[tuple[int, int]],
    called: set[int],
) -> SubgraphDescription:
    tables = list(table.tables(0, "tensor"))
    tensors = tuple(_tensor(index, tensor, buffers) for index, tensor in enumerate(tables))

    def constants(index: int) -> tuple[int, ...] | None:
        tensor = tensors[index]
        if not tensor.is_constant or tensor.dtype not in ("int32", "int64") or tensor.size_bytes > 1024:
            return None
        start, size = buffers[tables[index].scalar(2, "I")]
        return tuple(np.frombuffer(data[start : start + size], tensor.dtype).tolist())

    inputs = _indices(table, 1, "inputs", len(tensors))
    outputs = _indices(table, 2, "outputs", len(tensors))
    operators = []
    written = {t.index for t in tensors if t.is_constant or t.is_variable}
    variables = {t.index for t in tensors if t.is_variable}
    written.update(inputs)
    for entry in table.tables(3, "operator"):
        operator = _operator(entry, operator_codes, len(tensors), called)
        _place_of_large_data(entry, 9, 10, len(data))
        unwritten = set(operator.inputs) - written - {-1}
        if unwritten:
            raise damaged(f"{entry.what} reads tensor {min(unwritten)}, which nothing has written")
        if operator.name in WINDOWED:
            check_window(entry, operator, tensors)
        check_shapes(entry.what, operator, tensors, constants)
        check_scales(entry.what, operator, tensors)
        if not variables.issuperset(written.intersection(operator.outputs)):
            raise damaged(f"{entry.what} writes into a tensor that holds something already")
        written.update(operator.outputs)
        operators.append(operator)
    if not written.issuperset(outputs):
        raise damaged(f"an output of {table.what} is a tensor that nothing writes")
    return SubgraphDescription(table.string(4, "name"), tensors, tuple(operators), inputs, outputs)


def _tensor(index: int, table: Table, buffers: list[tuple[int, int]]) -> TensorDescription:
    shape = _numbers(table, 0, "<i4", "shape")
    signature = _numbers(table, 7, "<i4", "shape signature") or shape
    code = table.scalar(1, "b")
    if not 0 <= code < len(TENSOR_TYPES):
        raise damaged(f"{table.what} has the unknown type {code}")
    dtype, bits = TENSOR_TYPES[code]
    if len(shape) > _MOST_DIMENSIONS or len(signature) != len(shape):
        raise damaged(f"{table.what} has an impossible shape")
    if any(size < 0 for size in shape) or any(size not in (-1, own) for size, own in zip(signature, shape)):
        raise damaged(f"{table.what} has an impossible shape")
    wanted_bytes = (_element_count(shape) * bits + 7) // 8
    if wanted_bytes > _LARGEST_TENSOR_BYTES:
        raise damaged(f"{table.what} would take {wanted_bytes} bytes")
    buffer = table.scalar(2, "I")
    if buffer >= len(buffers):
        raise damaged(f"{table.what} has its data in buffer {buffer} of {len(buffers)}")
    data_offset, size_bytes = buffers[buffer]
    sparsity = table.table(6, "sparsity")
    if sparsity is not None:
        _check_sparsity(sparsity)
    elif size_bytes and bits and size_bytes != wanted_bytes:
        raise damaged(f"{table.what} needs {wanted_bytes} bytes and its buffer holds {size_bytes}")
    for variant in table.tables(9, "variant"):
        _numbers(variant, 0, "<i4", "shape")
    scales, zero_points, quantized_dimension = _quantization(table, dtype, shape)
    return TensorDescription(
        index=index,
        name=table.string(3, "name"),
        shape=shape,
        shape_signature=signature,
        dtype=dtype,
        scales=scales,
        zero_points=zero_points,
        quantized_dimension=quantized_dimension,
        data_offset=data_offset,
        size_bytes=size_bytes,
        is_constant=size_bytes > 0,
        is_variable=table.scalar(5, "b") != 0,
    )


def _element_count(shape: tuple[int, ...]) -> int:
    count = 1
    for size in shape:
        count *= size
    return count


def _quantization(tensor: Table, dtype: str, shape: tuple[int, ...]) -> tuple[tuple[float, ...], tuple[int, ...], int]:
    """Scales, zero points and the axis of the channels."""
    table = tensor.table(4, "quantization")
    if table is None:
        return (), (), 0
    table.numbers(0, "<f4", "min")
    table.numbers(1, "<f4", "max")
    scales = table.numbers(2, "<f4", "scale")
    zero_points = table.numbers(3, "<i8", "zero point")
    axis = table.scalar(6, "i")
    details = table.table(5, "details")
    if details is not None:
        # Block-wise scales lie in tensors of their own; here only the place of the table matters.
        return (), (), axis
    if scales is None or not len(scales):
        return (), (), axis
    if zero_points is None or len(zero_points) != len(scales):
        raise damaged(f"{tensor.what} does not have as many zero points as scales")
    if len(scales) > 1 and not (0 <= axis < len(shape) and shape[axis] == len(scales)):
        raise damaged(f"{tensor.what} has {len(scales)} scales for shape {shape} along dimension {axis}")
    # 0 is sound in some places: check_scales() knows which.
    if not (np.isfinite(scales) & (scales >= 0)).all():
        raise damaged(f"{tensor.what} has an impossible scale")
    if dtype in ("int8", "uint8", "int16"):
        limits = np.iinfo(dtype)
        if (zero_points < limits.min).any() or (zero_points > limits.max).any():
            raise damaged(f"{tensor.what} has a zero point outside {dtype}")
    return tuple(scales.tolist()), tuple(zero_points.tolist()), axis


def _check_sparsity(sparsity: Table) -> None:
    sparsity.numbers(0, "<i4", "traversal order")
    sparsity.numbers(1, "<i4", "block map")
    for dimension in sparsity.tables(2, "sparse dimension"):
        for kind_field, table_field in ((2, 3), (4, 5)):
            kind = dimension.scalar(kind_field, "B")
            indices = dimension.table(table_field, "indices")
            if indices is None:
                continue
            if kind not in (1, 2, 3):
                raise damaged(f"{dimension.what} has indices of the unknown kind {kind}")
            indices.numbers(0, ("<i4", "<u2", "u1")[kind - 1], "values")


def _operator(
    entry: Table, operator_codes: list[tuple[int, int, str]], tensor_count: int, called: set[int]
) -> OperatorDescription:
    opcode_index = entry.scalar(0, "I")
    if opcode_index >= len(operator_codes):
        raise damaged(f"{entry.what} has operator code {opcode_index} of {len(operator_codes)}")
    number, version, custom_code = operator_codes[opcode_index]
    name = BUILTIN_OPERATORS[number]
    if entry.scalar(3, "B") not in (0, OWN_OPTIONS.get(name, entry.scalar(3, "B"))):
        raise damaged(f"{entry.what} is a {name} with the options of another operator")
    if name in REQUIRED_OPTIONS and (entry.scalar(3, "B") != REQUIRED_OPTIONS[name] or not entry.has(4)):
        raise damaged(f"{entry.what} is a {name} without its options")
    _check_options(entry, 3, 4, OPTIONS, called)
    _check_options(entry, 11, 12, OPTIONS_2, called)
    entry.vector_place(5, "custom options")
    entry.vector_place(7, "mutating inputs")
    _indices(entry, 8, "intermediates", tensor_count)
    operator = OperatorDescription(
        name=name,
        version=version,
        custom_code=custom_code if number == CUSTOM else "",
        inputs=_indices(entry, 1, "inputs", tensor_count, smallest=-1),
        outputs=_indices(entry, 2, "outputs", tensor_count),
    )
    _check_presence(entry.what, operator)
    return operator


def _check_presence(what: str, operator: OperatorDescription) -> None:
    """Raise where an input or output is missing that native code takes for granted."""
    name, inputs = operator.name, operator.inputs
    fewest = FEWEST_INPUTS.get(name, 1)
    if len(inputs) < fewest:
        raise damaged(f"{what} is a {name} with {len(inputs)} inputs")
    if not operator.outputs and fewest and name not in WITHOUT_OUTPUTS:
        raise damaged(f"{what} is a {name} without an output")
    missing = {place for place, index in enumerate(inputs) if index < 0}
    if not missing <= OPTIONAL_INPUTS.get(name, set()):
        raise damaged(f"{what} is a {name} without its input {min(missing)}")
    # LSTM of the first schema version may have five inputs, and no gates to miss.
    for group in INPUTS_TOGETHER.get(name, ()):
        if group[-1] < len(inputs) and len({place in missing for place in group}) > 1:
            raise damaged(f"{what} is a {name} with a part of its input gate")


def _check_options(
    entry: Table, kind_field: int, table_field: int, schemas: dict[int, OptionsSchema], called: set[int]
) -> None:
    """Check the table of an operator's options, what it points to, and the subgraphs it calls."""
    options = entry.table(table_field, "options")
    if options is None:
        return
    schema = schemas.get(entry.scalar(kind_field, "B"))
    if schema is None:
        return
    for field, item in schema.vectors.items():
        if item == "string":
            options.string(field, "text")
        else:
            options.numbers(field, item, "list")
    for field, default in schema.positive.items():
        if options.scalar(field, "i", default) < 1:
            raise damaged(f"{options.what} has a stride, filter or dilation below 1")
    for count_field, what in ((schema.inputs, "inputs"), (schema.outputs, "outputs")):
        if count_field is not None and options.scalar(count_field, "i") != entry.count(
            1 if what == "inputs" else 2, what
        ):
            raise damaged(f"{options.what} has another number of {what} than the operator")
    for field in schema.subgraphs:
        called.add(options.scalar(field, "i"))


def _require_no_recursion(calls: list[set[int]]) -> None:
    """Raise where a loop or branch has no body, or is its own: native code would descend for ever."""
    for caller, called in enumerate(calls):
        if any(not 0 < index < len(calls) for index in called):
            raise damaged(f"subgraph {caller} calls one that is not there")
    open_calls = [set(called) for called in calls]
    while any(open_calls):
        finished = {index for index, called in enumerate(open_calls) if not called}
        if not any(called & finished for called in open_calls):
            raise damaged("its subgraphs call each other in a circle")
        open_calls = [called - finished for called in open_calls]


def _signature(table: Table, subgraphs: list[SubgraphDescription]) -> SignatureDescription:
    subgraph = table.scalar(4, "I")
    if subgraph >= len(subgraphs):
        raise damaged(f"{table.what} stands for subgraph {subgraph} of {len(subgraphs)}")
    tensor_count = len(subgraphs[subgraph].tensors)
    return SignatureDescription(
        key=table.string(2, "key"),
        subgraph=subgraph,
        inputs=_tensor_map(table.tables(0, "signature input"), tensor_count),
        outputs=_tensor_map(table.tables(1, "signature output"), tensor_count),
    )


def _tensor_map(entries: Iterable[Table], tensor_count: int) -> tuple[tuple[str, int], ...]:
    names = []
    for entry in entries:
        index = entry.scalar(1, "I")
        if index >= tensor_count:
            raise damaged(f"{entry.what} names tensor {index} of {tensor_count}")
        names.append((entry.string(0, "name"), index))
    return tuple(names)


def _metadata_name(entry: Table, buffer_count: int) -> str:
    buffer = entry.scalar(1, "I")
    if buffer >= buffer_count:
        raise damaged(f"{entry.what} has its data in buffer {buffer} of {buffer_count}")
    return entry.string(0, "name")


def _indices(table: Table, field: int, what: str, count: int, smallest: int = 0) -> tuple[int, ...]:
    """A vector of tensor numbers, each from ``smallest`` to below ``count``."""
    indices = _numbers(table, field, "<i4", what)
    if indices and not (smallest <= min(indices) and max(indices) < count):
        raise damaged(f"the {what} of {table.what} name a tensor that is not there")
    return indices


def _numbers(table: Table, field: int, dtype: str, what: str) -> tuple[int, ...]:
    values = table.numbers(field, dtype, what)
    return () if values is None else tuple(values.tolist())
