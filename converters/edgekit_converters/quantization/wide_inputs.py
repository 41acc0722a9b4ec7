"""Finds inputs whose columns differ so much in range that one scale cannot resolve the values of the narrow ones."""

from __future__ import annotations

from collections.abc import Collection

from edgekit_runtime.tensor_info import model_inputs
from edgekit_runtime.tflite.description import ModelDescription, OperatorDescription, SubgraphDescription

#: Operators that a normalization consists of, if one of the operands is constant.
_ELEMENTWISE = frozenset({"ADD", "SUB", "MUL", "DIV"})
_TRANSPARENT = frozenset({"RESHAPE", "EXPAND_DIMS", "SQUEEZE", "CAST"})


def readers_of(description: ModelDescription, inputs: Collection[str]) -> tuple[str, ...]:
    """Find the operators that see the raw columns: the normalization behind an input, or else its first reader.

    Args:
        description: A float32 model.
        inputs: Names of inputs.
    Returns:
        Names of the operators' first output tensors, in execution order.
    """
    graph = description.subgraphs[0]
    raw = {info.index for info in model_inputs(description) if info.name in inputs}
    partly_normalized: set[int] = set()
    found = []
    for operator in graph.operators:
        reads_raw = bool(raw & set(operator.inputs))
        is_normalization = _has_a_constant(graph, operator)
        if operator.name in _TRANSPARENT and reads_raw:
            raw.update(operator.outputs)
        elif is_normalization and (reads_raw or partly_normalized & set(operator.inputs)):
            partly_normalized.update(operator.outputs)
        elif not reads_raw:
            continue
        found.append(graph.tensors[operator.outputs[0]].name)
    return tuple(found)


def _has_a_constant(graph: SubgraphDescription, operator: OperatorDescription) -> bool:
    return operator.name in _ELEMENTWISE and any(graph.tensors[index].is_constant for index in operator.inputs)
