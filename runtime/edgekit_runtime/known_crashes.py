"""Refuses sound models that an interpreter is known to die of, whatever their scales are."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from edgekit_runtime.description import ModelDescription, OperatorDescription, TensorDescription
from edgekit_runtime.errors import InterpreterError

_MOST_BROADCAST_DIMENSIONS = 4


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


def _broadcast_product(operator: OperatorDescription, tensors: Sequence[TensorDescription]) -> str:
    """int16 products abort where they broadcast more than four dimensions."""
    shapes = {tensors[index].shape for index in operator.inputs}
    is_wide = len(shapes) > 1 and max(map(len, shapes)) > _MOST_BROADCAST_DIMENSIONS
    return "int16 tensors of five dimensions" if is_wide and tensors[operator.outputs[0]].dtype == "int16" else ""


def _transposed_batch(operator: OperatorDescription, tensors: Sequence[TensorDescription]) -> str:
    """The kernel goes through as many samples as there are, and writes beyond an output of a fixed size."""
    size, image = tensors[operator.inputs[0]], tensors[operator.inputs[2]]
    return (
        "an open batch and an output of fixed size" if size.is_constant and image.shape_signature[:1] == (-1,) else ""
    )


_PROBLEMS: dict[str, Callable[[OperatorDescription, Sequence[TensorDescription]], str]] = {
    "MUL": _broadcast_product,
    "TRANSPOSE_CONV": _transposed_batch,
}
