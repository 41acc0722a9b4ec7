"""Makes one .tflite for any batch from two that were lowered for fixed ones: what differs depends on the batch.

litert-torch fixes sizes in shapes, in reshapes and in slices, and cannot keep the batch dynamic in many programs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

import edgekit_runtime
from edgekit_converters.quantization.packing import packed
from edgekit_runtime.errors import EdgekitError, ModelFileError
from edgekit_runtime.tflite.tflite_model import TfliteModel

Reference = Callable[[Mapping[str, np.ndarray]], Mapping[str, np.ndarray]]

#: Operators whose constant sizes may be -1 (inferred), and the index of the input that contains these sizes.
_SIZES_INPUT = {"RESHAPE": 1, "SLICE": 2}
#: Batch sizes to test the model with, and how far its outputs may be from PyTorch's, as a share of the largest.
_TRIED = (1, 4)
_TOLERANCE = 1e-4


class _FixedBatchError(Exception):
    """An operator cannot adapt to the batch size."""


def with_open_batch(
    first: bytes, second: bytes, *, batches: tuple[int, int], reference: Reference
) -> TfliteModel | None:
    """Join two models into one for any batch.

    Args:
        first: The program lowered for the first of ``batches``.
        second: The same for the second one.
        batches: Two batch sizes that differ by one.
        reference: Returns the correct outputs for values (N, ...) by input name, for any N.
    Returns:
        The model, tested with other batch sizes; None if an operator cannot adapt to the batch size.
    """
    from ai_edge_litert.tools import flatbuffer_utils

    models = [flatbuffer_utils.read_model_from_bytearray(bytearray(model)) for model in (first, second)]
    try:
        _join(*models)
    except _FixedBatchError:
        return None
    try:
        joined = TfliteModel(packed(models[0]))
    except ModelFileError:
        return None
    return joined if _has_same_outputs(joined, reference) else None


def _join(model: Any, other: Any) -> None:
    """Make the batch of ``model`` dynamic, in place."""
    if len(model.subgraphs) != 1 or len(other.subgraphs) != 1:
        raise _FixedBatchError
    graph, twin = model.subgraphs[0], other.subgraphs[0]
    if len(graph.operators) != len(twin.operators):
        raise _FixedBatchError
    pairs: dict[int, int] = {}
    sizes: set[int] = set()
    _pair(pairs, graph.inputs, twin.inputs)
    for operator, same in zip(graph.operators, twin.operators, strict=True):
        name = _operator_name(model, operator)
        if name != _operator_name(other, same):
            raise _FixedBatchError
        _join_options(operator, same)
        # Equal constants are stored once, so tensors may have different indices in the two models.
        _pair(pairs, operator.inputs, same.inputs)
        _pair(pairs, operator.outputs, same.outputs)
        if name in _SIZES_INPUT and len(operator.inputs) > _SIZES_INPUT[name]:
            sizes.add(int(operator.inputs[_SIZES_INPUT[name]]))
    for index, place in pairs.items():
        tensor, same = graph.tensors[index], twin.tensors[place]
        _join_constant(model, other, tensor, same, holds_sizes=index in sizes)
        _join_shape(tensor, same)


def _pair(pairs: dict[int, int], indices: Any, others: Any) -> None:
    if len(indices) != len(others):
        raise _FixedBatchError
    for index, place in zip(map(int, indices), map(int, others), strict=True):
        if (index < 0) != (place < 0) or pairs.setdefault(index, place) != place:
            raise _FixedBatchError
    pairs.pop(-1, None)


def _operator_name(model: Any, operator: Any) -> str:
    from ai_edge_litert import schema_py_generated as schema

    code = model.operatorCodes[operator.opcodeIndex]
    number = max(code.builtinCode, code.deprecatedBuiltinCode)
    return next((name for name, value in vars(schema.BuiltinOperator).items() if value == number), "")


def _join_options(operator: Any, same: Any) -> None:
    options, others = (vars(each.builtinOptions) if each.builtinOptions else {} for each in (operator, same))
    for field, value in options.items():
        if np.array_equal(value, others.get(field)):
            continue
        if field != "newShape":
            raise _FixedBatchError
        operator.builtinOptions.newShape = _opened(value, others[field])


def _join_constant(model: Any, other: Any, tensor: Any, same: Any, *, holds_sizes: bool) -> None:
    buffer = model.buffers[tensor.buffer]
    data, others = (None if x is None else bytes(x) for x in (buffer.data, other.buffers[same.buffer].data))
    if data == others:
        return
    if data is None or others is None:
        raise _FixedBatchError
    if not np.array_equal(tensor.shape, same.shape):
        buffer.data = np.frombuffer(_repeated_row(tensor, same, data), np.uint8)
    elif holds_sizes:
        opened = _opened(np.frombuffer(data, np.int32), np.frombuffer(others, np.int32))
        buffer.data = np.frombuffer(opened.astype(np.int32).tobytes(), np.uint8)
    else:
        raise _FixedBatchError


def _repeated_row(tensor: Any, same: Any, data: bytes) -> bytes:
    """One of the equal rows that a constant repeats per example, such as the initial state of a recurrent layer."""
    (axis,) = np.flatnonzero(np.array(tensor.shape) != np.array(same.shape))[:1]
    rows = np.frombuffer(data, np.uint8).reshape(*tensor.shape, -1)
    first = rows.take([0], axis)
    if (rows != first).any():
        raise _FixedBatchError
    tensor.shape = same.shape = np.array(first.shape[:-1], np.int32)
    return first.tobytes()


def _opened(sizes: Any, others: Any) -> np.ndarray:
    """Return the sizes with -1 for the one that depends on the batch."""
    opened = np.array(sizes)
    differs = opened != np.array(others)
    if differs.sum() != 1 or (opened == -1).any():
        raise _FixedBatchError
    opened[differs] = -1
    return opened


def _join_shape(tensor: Any, same: Any) -> None:
    if tensor.shape is None or len(tensor.shape) != len(same.shape):
        raise _FixedBatchError
    shape, other = np.array(tensor.shape), np.array(same.shape)
    differs = shape != other
    if differs.any():
        # The batches differ by one: this extrapolates the size to a batch of one, or at least to a valid size.
        tensor.shape = np.where(differs, np.maximum(1, 2 * shape - other), shape).astype(np.int32)
        tensor.shapeSignature = np.where(differs, -1, shape).astype(np.int32)


def _has_same_outputs(model: TfliteModel, reference: Reference) -> bool:
    """Whether the model gives the program's outputs for batch sizes other than those it was made from."""
    rng = np.random.default_rng(0)
    try:
        loaded = edgekit_runtime.load(model, num_interpreters=1)
        for batch in _TRIED:
            inputs = {
                info.name: rng.standard_normal((batch, *info.shape[1:])).astype(info.dtype)
                if info.dtype.kind == "f"
                else rng.integers(0, 2, (batch, *info.shape[1:])).astype(info.dtype)
                for info in loaded.inputs
            }
            outputs = loaded.predict_named(inputs)
            for name, right in reference(inputs).items():
                largest, output = float(np.abs(right).max(initial=1.0)), outputs[name]
                if output.shape != right.shape or not np.allclose(output, right, atol=_TOLERANCE * largest):
                    return False
    except (EdgekitError, RuntimeError, ValueError):
        return False
    return True
