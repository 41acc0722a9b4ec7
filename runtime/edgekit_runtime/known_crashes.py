"""Refuses sound models that an interpreter is known to die of, whatever their scales are."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from edgekit_runtime.description import ModelDescription, OperatorDescription, TensorDescription
from edgekit_runtime.errors import InterpreterError

_MOST_BROADCAST_DIMENSIONS = 4
#: Broadcast five dimensions, as measured on the models of tests/data/operators.
_WIDE_KERNELS = ("ADD", "DIV", "MAXIMUM", "MINIMUM", "MUL", "SUB")
_NARROW_KERNELS = (
    *("ATAN2", "BITWISE_XOR", "EQUAL", "FLOOR_DIV", "FLOOR_MOD", "GREATER", "GREATER_EQUAL", "LESS", "LESS_EQUAL"),
    *("LOGICAL_AND", "LOGICAL_OR", "NOT_EQUAL", "POW", "RIGHT_SHIFT", "SELECT", "SELECT_V2", "SQUARED_DIFFERENCE"),
)


def refuse_known_crashes(interpreter: str, version: str, description: ModelDescription) -> None:
    """Raise if the interpreter would crash in one of the model's operators.

    Measured on tflite-runtime 2.14; LiteRT runs both kinds.

    Raises:
        InterpreterError: Naming the operator.
    """
    if interpreter != "tflite-runtime":
        return
    for subgraph in description.subgraphs:
        for number, operator in enumerate(subgraph.operators):
            problem = _PROBLEMS.get(operator.name, _none)(operator, subgraph.tensors)
            if problem:
                raise InterpreterError(
                    f"{interpreter} {version} crashes in operator {number}, a {operator.name}.",
                    received=problem,
                    next_step="convert the model with fixed sizes (edgekit convert --input-shape) and --quantize int8,"
                    " or pip install ai-edge-litert",
                )


def _none(operator: OperatorDescription, tensors: Sequence[TensorDescription]) -> str:
    return ""


def _wide_broadcast(operator: OperatorDescription, tensors: Sequence[TensorDescription]) -> str:
    """Kernels other than those measured abort where they broadcast more than four dimensions."""
    shapes = {tensors[index].shape for index in operator.inputs if index >= 0}
    if len(shapes) < 2 or max(map(len, shapes)) <= _MOST_BROADCAST_DIMENSIONS:
        return ""
    dtype = tensors[operator.outputs[0]].dtype
    is_measured = operator.name in _WIDE_KERNELS and (operator.name, dtype) != ("MUL", "int16")
    return "" if is_measured else f"{dtype} tensors of different shapes with more than four dimensions"


def _transposed_batch(operator: OperatorDescription, tensors: Sequence[TensorDescription]) -> str:
    """The kernel goes through as many samples as there are, and writes beyond an output of a fixed size."""
    size, image = tensors[operator.inputs[0]], tensors[operator.inputs[2]]
    has_fixed_size = size.is_constant and image.shape_signature[:1] == (-1,)
    return "an open batch and an output of fixed size" if has_fixed_size else ""


_PROBLEMS: dict[str, Callable[[OperatorDescription, Sequence[TensorDescription]], str]] = {
    **dict.fromkeys((*_WIDE_KERNELS, *_NARROW_KERNELS), _wide_broadcast),
    "TRANSPOSE_CONV": _transposed_batch,
}
