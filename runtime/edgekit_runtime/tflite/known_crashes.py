"""Refuses valid models with operators that are known to crash an interpreter; ``scales.py`` has further checks."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from edgekit_runtime.errors import InterpreterError
from edgekit_runtime.tflite.description import ModelDescription, OperatorDescription, TensorDescription
from edgekit_runtime.tflite.scales import SMALLEST_SCALE, has_old_kernels, smallest_scale

_IS_32_BIT = sys.maxsize < 2**32
#: Versions of LiteRT that abort on two operators in a row that no output needs.
_LITERT_WITH_DEAD_ENDS = ("1.1.", "1.2.", "1.3.", "1.4.", "2.0.")
_MOST_BROADCAST_DIMENSIONS = 4
#: Number of unaligned sizes that are safe: the 32-bit ARM kernel reads three one by one, but five by a vector load.
_MOST_UNALIGNED_SIZES = 3
#: Kernels that can broadcast five dimensions, as measured with the models in tests/data/operators.
_WIDE_KERNELS = ("ADD", "DIV", "MAXIMUM", "MINIMUM", "MUL", "SUB")
_NARROW_KERNELS = (
    *("ATAN2", "BITWISE_XOR", "EQUAL", "FLOOR_DIV", "FLOOR_MOD", "GREATER", "GREATER_EQUAL", "LESS", "LESS_EQUAL"),
    *("LOGICAL_AND", "LOGICAL_OR", "NOT_EQUAL", "POW", "RIGHT_SHIFT", "SELECT", "SELECT_V2", "SQUARED_DIFFERENCE"),
)


def refuse_known_crashes(interpreter: str, version: str, description: ModelDescription) -> None:
    """Raise an error if the interpreter would crash in one of the model's operators, or lacks its weights.

    Measured on tflite-runtime 2.14 (also on emulated ARM), on the C library 2.17.1 on x86-64, and on LiteRT 1.1 to
    2.0.3. The rules for the C library on ARM follow from one crash seen on emulated ARM, and refuse more than that.

    Raises:
        InterpreterError: The interpreter would crash; the message names the operator.
    """
    if interpreter == "litert":
        if version.startswith(_LITERT_WITH_DEAD_ENDS):
            _refuse_dead_ends(version, description)
        return
    # The C library knows the FlatBuffer only, and takes these weights for empty.
    if interpreter == "tflite-c" and description.weights_behind:
        raise InterpreterError(
            f"{interpreter} {version} cannot read weights that are stored behind the FlatBuffer.",
            next_step="convert the model again without buffer offsets, or pip install ai-edge-litert",
        )
    is_old = has_old_kernels(interpreter, version)
    for subgraph in description.subgraphs:
        for number, operator in enumerate(subgraph.operators):
            if is_old:
                problem = find_problem(operator, subgraph.tensors, is_32_bit=_IS_32_BIT)
            else:
                problem = _vanishing_operand(operator, subgraph.tensors)
            if problem:
                raise InterpreterError(
                    f"{interpreter} {version} crashes in operator {number}, a {operator.name}.",
                    received=problem,
                    next_step="convert the model with fixed sizes (edgekit convert --input-shape) and --quantize int8,"
                    " or pip install ai-edge-litert",
                )


def _refuse_dead_ends(version: str, description: ModelDescription) -> None:
    """Raise an error if LiteRT would abort on operators that no output needs.

    XNNPACK leaves such an operator out, and with it the last reader of another operator's result, which it then asserts
    to have one. Measured with models of a few operators.
    """
    for subgraph in description.subgraphs:
        needed, unneeded = set(subgraph.outputs), []
        readers: dict[int, set[int]] = {}
        for number, operator in reversed(list(enumerate(subgraph.operators))):
            for index in operator.inputs:
                readers.setdefault(index, set()).add(number)
            # An operator without outputs has another effect, such as setting a variable.
            if not operator.outputs or needed.intersection(operator.outputs):
                needed.update(operator.inputs)
            else:
                unneeded.append(number)
        computed = {index for operator in subgraph.operators for index in operator.outputs}
        for number in unneeded:
            operator = subgraph.operators[number]
            if any(index in computed and readers[index] == {number} for index in operator.inputs):
                raise InterpreterError(
                    f"litert {version} aborts because of operator {number}, a {operator.name}.",
                    expected="operators that an output of the model needs",
                    received="a result that no output needs, computed from one that only this operator needs",
                    next_step="pip install --upgrade ai-edge-litert, or convert the model again",
                )


def find_problem(operator: OperatorDescription, tensors: Sequence[TensorDescription], is_32_bit: bool) -> str:
    """Describe why tflite-runtime would crash in an operator; empty if it would not."""
    problem = _PROBLEMS.get(operator.name, _none)(operator, tensors)
    if is_32_bit:
        problem = problem or _unaligned_shape(operator, tensors) or _vanishing_scale(operator, tensors)
    return problem


def _none(operator: OperatorDescription, tensors: Sequence[TensorDescription]) -> str:
    return ""


def _wide_broadcast(operator: OperatorDescription, tensors: Sequence[TensorDescription]) -> str:
    """Kernels other than ``_WIDE_KERNELS`` abort if they broadcast more than four dimensions."""
    shapes = {tensors[index].shape for index in operator.inputs if index >= 0}
    if len(shapes) < 2 or max(map(len, shapes)) <= _MOST_BROADCAST_DIMENSIONS:
        return ""
    dtype = tensors[operator.outputs[0]].dtype
    is_measured = operator.name in _WIDE_KERNELS and (operator.name, dtype) != ("MUL", "int16")
    return "" if is_measured else f"{dtype} tensors of different shapes with more than four dimensions"


def _transposed_batch(operator: OperatorDescription, tensors: Sequence[TensorDescription]) -> str:
    """The kernel processes all examples of an open batch, and writes beyond the end of an output of fixed size."""
    size, image = tensors[operator.inputs[0]], tensors[operator.inputs[2]]
    has_fixed_size = size.is_constant and image.shape_signature[:1] == (-1,)
    return "an open batch and an output of fixed size" if has_fixed_size else ""


def _unaligned_shape(operator: OperatorDescription, tensors: Sequence[TensorDescription]) -> str:
    """A vector load of int64 sizes causes a bus error if their address is not a multiple of 8."""
    if operator.name != "BROADCAST_TO":
        return ""
    shape = tensors[operator.inputs[1]]
    is_unaligned = shape.is_constant and shape.dtype == "int64" and shape.data_offset % 8
    has_vector_load = shape.size_bytes > 8 * _MOST_UNALIGNED_SIZES
    return "a shape of 64-bit sizes that the file does not align to 8 bytes" if is_unaligned and has_vector_load else ""


def _vanishing_scale(operator: OperatorDescription, tensors: Sequence[TensorDescription]) -> str:
    """32-bit ARM treats numbers below the smallest normal float32 as 0, and kernels divide by the output's scale."""
    vanishes = any(smallest_scale(tensors[index]) < SMALLEST_SCALE for index in operator.outputs)
    # Measurements show that multiplication correctly computes 0 in this case.
    return "a scale that 32-bit ARM treats as 0" if vanishes and operator.name != "MUL" else ""


def _vanishing_operand(operator: OperatorDescription, tensors: Sequence[TensorDescription]) -> str:
    """The C library treats numbers below the smallest normal float32 as 0, and its sums abort for such a scale."""
    if operator.name not in ("ADD", "SUB"):
        return ""
    scales = [smallest_scale(tensors[index]) for index in (*operator.inputs, *operator.outputs)]
    return "a scale that the interpreter treats as 0" if min(scales) < SMALLEST_SCALE else ""


_PROBLEMS: dict[str, Callable[[OperatorDescription, Sequence[TensorDescription]], str]] = {
    **dict.fromkeys((*_WIDE_KERNELS, *_NARROW_KERNELS), _wide_broadcast),
    "TRANSPOSE_CONV": _transposed_batch,
}
