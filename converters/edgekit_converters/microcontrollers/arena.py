"""Estimates the tensor arena that TFLite Micro needs for a model; the estimate is an upper limit."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from edgekit_runtime.tflite.description import (
    ModelDescription,
    OperatorDescription,
    SubgraphDescription,
    TensorDescription,
)

_ALIGNMENT = 16
# What TFLite Micro stores in addition to the values, as printed by its RecordingMicroAllocator with 64-bit pointers;
# microcontrollers have 32-bit pointers and need less.
_BYTES_PER_TENSOR = 24
_BYTES_PER_OPERATOR = 64 + 128
_BYTES_PER_INPUT_OR_OUTPUT = 64 + 32
_BYTES_PER_CHANNEL = 8
_BYTES_OF_INTERPRETER = 1024
_BYTES_OF_LSTM = 1024
#: Operators whose kernels need scratch buffers: at most the size of their outputs in 32 bits.
_WITH_SCRATCH = frozenset(
    {"TRANSPOSE_CONV", "MEAN", "SUM", "REDUCE_MAX", "BATCH_MATMUL", "SVDF", "UNIDIRECTIONAL_SEQUENCE_LSTM", "SOFTMAX"}
)
#: Operators for which CMSIS-NN unfolds the inputs of two kernel positions as int16.
_CONVOLUTIONS = frozenset({"CONV_2D", "DEPTHWISE_CONV_2D"})
#: Operators that store a multiplier and a shift for each output channel, even in float.
_WITH_CHANNELS = _CONVOLUTIONS | {"TRANSPOSE_CONV", "FULLY_CONNECTED"}


@dataclass(frozen=True, slots=True)
class _Span:
    """Bytes that are needed from one operator to another, both included."""

    size: int
    first: int
    last: int


def estimate_arena_bytes(model: ModelDescription) -> int:
    """Estimate the size of the tensor arena in bytes: an upper limit, and a multiple of 16.

    Values between the operators are laid out as in TFLite Micro: the largest first, each in the first gap that is free
    during its lifetime. Scratch buffers, and what the interpreter stores for tensors and operators, are added.

    Args:
        model: A .tflite; dynamic sizes count as stored (a batch of 1).
    Source: tflite-micro's GreedyMemoryPlanner and RecordingMicroAllocator.
    """
    return sum(_plan(list(_spans(graph))) + _kept(graph) for graph in model.subgraphs) + _BYTES_OF_INTERPRETER


def _spans(graph: SubgraphDescription) -> Iterable[_Span]:
    last_operator = max(0, len(graph.operators) - 1)
    first: dict[int, int] = dict.fromkeys(graph.inputs, 0)
    last: dict[int, int] = dict.fromkeys(graph.outputs, last_operator)
    for number, operator in enumerate(graph.operators):
        for index in operator.outputs:
            first.setdefault(index, number)
        for index in (*operator.inputs, *operator.outputs):
            last[index] = max(last.get(index, 0), number)
        yield _Span(_scratch_bytes(operator, graph), number, number)
    for index, start in first.items():
        tensor = graph.tensors[index]
        if not tensor.is_constant:
            yield _Span(_value_bytes(tensor), start, last.get(index, start))


def _plan(spans: list[_Span]) -> int:
    """The height of a layout of all spans: the largest first, each in the lowest gap during its lifetime."""
    placed: list[tuple[int, _Span]] = []
    height = 0
    for span in sorted(spans, key=lambda span: -span.size):
        offset = 0
        for start, other in sorted(placed, key=lambda place: place[0]):
            if other.last < span.first or span.last < other.first:
                continue
            if offset + span.size <= start:
                break
            offset = max(offset, start + other.size)
        placed.append((offset, span))
        height = max(height, offset + span.size)
    return height


def _kept(graph: SubgraphDescription) -> int:
    """Number of bytes that are in use as long as the interpreter exists."""
    channels = sum(
        graph.tensors[operator.outputs[0]].shape[-1] for operator in graph.operators if operator.name in _WITH_CHANNELS
    )
    variables = sum(_value_bytes(tensor) for tensor in graph.tensors if tensor.is_variable)
    lstms = sum("LSTM" in operator.name for operator in graph.operators)
    whole = (
        _BYTES_PER_TENSOR * len(graph.tensors)
        + _BYTES_PER_OPERATOR * len(graph.operators)
        + _BYTES_PER_INPUT_OR_OUTPUT * (len(graph.inputs) + len(graph.outputs))
        + _BYTES_PER_CHANNEL * channels
        + _BYTES_OF_LSTM * lstms
        + variables
    )
    return _aligned(whole)


def _scratch_bytes(operator: OperatorDescription, graph: SubgraphDescription) -> int:
    if operator.name in _WITH_SCRATCH:
        return sum(_aligned(4 * math.prod(_sizes(graph.tensors[index]))) for index in operator.outputs)
    if operator.name in _CONVOLUTIONS and graph.tensors[operator.inputs[0]].dtype != "float32":
        # Two int16 columns, each the size of one output channel's kernel.
        kernel = math.prod(_sizes(graph.tensors[operator.inputs[1]])[1:])
        return _aligned(2 * 2 * kernel)
    return 0


def _value_bytes(tensor: TensorDescription) -> int:
    return _aligned(math.prod(_sizes(tensor)) * _item_bytes(tensor.dtype))


def _item_bytes(dtype: str) -> int:
    """Size of one value in bytes; ``int4`` and ``bool`` take one each."""
    bits = int("".join(character for character in dtype if character.isdigit()) or 8)
    return max(1, bits // 8)


def _sizes(tensor: TensorDescription) -> tuple[int, ...]:
    return tuple(max(1, size) for size in tensor.shape)


def _aligned(size: int) -> int:
    return -(-size // _ALIGNMENT) * _ALIGNMENT
