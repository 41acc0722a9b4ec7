"""Checks the table of one tensor in a .tflite file: shape, type, location of its data, quantization, sparsity."""

from __future__ import annotations

from math import prod

import numpy as np

from edgekit_runtime.tflite.description import TensorDescription
from edgekit_runtime.tflite.flatbuffer import Table, damaged
from edgekit_runtime.tflite.operator_rules import TENSOR_TYPES
from edgekit_runtime.tflite.schema import (
    DimensionMetadata,
    Int32Vector,
    QuantizationParameters,
    SparseIndexVector,
    SparsityParameters,
    Tensor,
    VariantSubType,
)

# No operator supports more than 8 dimensions; no tensor of a model for devices takes 2 GiB.
_MOST_DIMENSIONS = 8
_LARGEST_TENSOR_BYTES = 2**31 - 1
#: numpy dtype of the indices of a sparse dimension. All three tables have their only vector in the same field.
_SPARSE_INDICES = {
    SparseIndexVector.Int32Vector: "<i4",
    SparseIndexVector.Uint16Vector: "<u2",
    SparseIndexVector.Uint8Vector: "u1",
}


def read_tensor(index: int, table: Table, buffers: list[tuple[int, int]]) -> TensorDescription:
    """Check a tensor and describe it.

    Args:
        index: Number of the tensor within the subgraph.
        table: Table of the tensor.
        buffers: Start and size of each buffer of the file.
    Raises:
        ModelFileError: The tensor is invalid.
    """
    shape = table.integers(Tensor.SHAPE, "shape")
    signature = table.integers(Tensor.SHAPE_SIGNATURE, "shape signature") or shape
    code = table.scalar(Tensor.TYPE, "b")
    if code not in TENSOR_TYPES:
        raise damaged(f"{table.what} has the unknown type {code}")
    dtype, bits = TENSOR_TYPES[code]
    if len(shape) > _MOST_DIMENSIONS or len(signature) != len(shape):
        raise damaged(f"{table.what} has an impossible shape")
    if any(size < 0 for size in shape) or any(size not in (-1, own) for size, own in zip(signature, shape)):
        raise damaged(f"{table.what} has an impossible shape")
    wanted_bytes = (prod(shape) * bits + 7) // 8
    if wanted_bytes > _LARGEST_TENSOR_BYTES:
        raise damaged(f"{table.what} would take {wanted_bytes} bytes")
    buffer = table.scalar(Tensor.BUFFER, "I")
    if buffer >= len(buffers):
        raise damaged(f"{table.what} has its data in buffer {buffer} of {len(buffers)}")
    data_offset, size_bytes = buffers[buffer]
    sparsity = table.table(Tensor.SPARSITY, "sparsity")
    if sparsity is not None:
        _check_sparsity(sparsity)
    elif size_bytes and bits and size_bytes != wanted_bytes:
        raise damaged(f"{table.what} needs {wanted_bytes} bytes and its buffer holds {size_bytes}")
    for variant in table.tables(Tensor.VARIANT_TENSORS, "variant"):
        variant.integers(VariantSubType.SHAPE, "shape")
    scales, zero_points, quantized_dimension = _quantization(table, dtype, shape)
    return TensorDescription(
        index=index,
        name=table.string(Tensor.NAME, "name"),
        shape=shape,
        shape_signature=signature,
        dtype=dtype,
        scales=scales,
        zero_points=zero_points,
        quantized_dimension=quantized_dimension,
        data_offset=data_offset,
        size_bytes=size_bytes,
        is_constant=size_bytes > 0,
        is_variable=table.scalar(Tensor.IS_VARIABLE, "b") != 0,
    )


def _quantization(tensor: Table, dtype: str, shape: tuple[int, ...]) -> tuple[tuple[float, ...], tuple[int, ...], int]:
    """Read the scales, the zero points and the axis of the channels."""
    table = tensor.table(Tensor.QUANTIZATION, "quantization")
    if table is None:
        return (), (), 0
    table.numbers(QuantizationParameters.MIN, "<f4", "min")
    table.numbers(QuantizationParameters.MAX, "<f4", "max")
    scales = table.numbers(QuantizationParameters.SCALE, "<f4", "scale")
    zero_points = table.numbers(QuantizationParameters.ZERO_POINT, "<i8", "zero point")
    axis = table.scalar(QuantizationParameters.QUANTIZED_DIMENSION, "i")
    details = table.table(QuantizationParameters.DETAILS, "details")
    if details is not None:
        # Block-wise scales are stored in separate tensors; only the location of the table is checked here.
        return (), (), axis
    if scales is None or not len(scales):
        return (), (), axis
    if zero_points is None or len(zero_points) != len(scales):
        raise damaged(f"{tensor.what} does not have as many zero points as scales")
    if len(scales) > 1 and not (0 <= axis < len(shape) and shape[axis] == len(scales)):
        raise damaged(f"{tensor.what} has {len(scales)} scales for shape {shape} along dimension {axis}")
    # A scale of 0 is valid in some operators; check_scales() checks which.
    if not (np.isfinite(scales) & (scales >= 0)).all():
        raise damaged(f"{tensor.what} has an impossible scale")
    if dtype in ("int8", "uint8", "int16"):
        limits = np.iinfo(dtype)
        # Every code is less than 2**16 steps away from the zero point.
        if scales.max() > np.finfo(np.float32).max / 2**16:
            raise damaged(f"{tensor.what} has a scale that leads to infinite values")
        if (zero_points < limits.min).any() or (zero_points > limits.max).any():
            raise damaged(f"{tensor.what} has a zero point outside {dtype}")
    return tuple(scales.tolist()), tuple(zero_points.tolist()), axis


def _check_sparsity(sparsity: Table) -> None:
    sparsity.integers(SparsityParameters.TRAVERSAL_ORDER, "traversal order")
    sparsity.integers(SparsityParameters.BLOCK_MAP, "block map")
    for dimension in sparsity.tables(SparsityParameters.DIM_METADATA, "sparse dimension"):
        for kind_field, table_field in (
            (DimensionMetadata.ARRAY_SEGMENTS_TYPE, DimensionMetadata.ARRAY_SEGMENTS),
            (DimensionMetadata.ARRAY_INDICES_TYPE, DimensionMetadata.ARRAY_INDICES),
        ):
            kind = dimension.scalar(kind_field, "B")
            indices = dimension.table(table_field, "indices")
            if indices is None:
                continue
            if kind not in _SPARSE_INDICES:
                raise damaged(f"{dimension.what} has indices of the unknown kind {kind}")
            indices.numbers(Int32Vector.VALUES, _SPARSE_INDICES[kind], "values")
