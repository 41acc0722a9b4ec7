"""Checks scales that native code divides by, and aborts the process over."""

from __future__ import annotations

from collections.abc import Sequence

from edgekit_runtime.description import OperatorDescription, TensorDescription
from edgekit_runtime.flatbuffer import damaged

_ARITHMETIC = {"ADD", "DIV", "MUL", "SQUARED_DIFFERENCE", "SUB"}
_INTEGERS = {"int8", "uint8", "int16"}
# Both interpreters widen sums by 20 bits before they scale them to the output, and abort where that is not enough.
_LARGEST_SUM_RATIO = 2.0**19


def check_scales(what: str, operator: OperatorDescription, tensors: Sequence[TensorDescription]) -> None:
    """Raise where quantized arithmetic has no scale, or scales too far apart.

    Args:
        what: What to call the operator.
        operator: The operator.
        tensors: The tensors of its subgraph.
    Raises:
        ModelFileError: Naming the operator.
    """
    if operator.name not in _ARITHMETIC or not operator.outputs:
        return
    output = tensors[operator.outputs[0]]
    inputs = [tensors[index] for index in operator.inputs]
    if output.dtype not in _INTEGERS or not any(tensor.scales for tensor in (output, *inputs)):
        return
    if not all(tensor.scales for tensor in (output, *inputs)):
        raise damaged(f"{what}, a {operator.name}, works on integers without a scale")
    ratio = max(max(tensor.scales) for tensor in inputs) / min(output.scales)
    if operator.name in ("ADD", "SUB") and ratio >= _LARGEST_SUM_RATIO:
        raise damaged(f"{what}, a {operator.name}, has scales that are {ratio:.0e} apart")
