"""Checks that the stored shapes and types of an operator's inputs and outputs are consistent.

Delegates plan their memory from the stored shapes, but an operator writes as much as its inputs imply. If the two
differ, tflite-runtime 2.14 writes beyond the end of the output.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod

from edgekit_runtime.tflite.description import OperatorDescription, TensorDescription
from edgekit_runtime.tflite.flatbuffer import damaged

_SAME_SHAPE = {
    *("ABS", "CAST", "CEIL", "COS", "DEQUANTIZE", "ELU", "EXP", "FLOOR", "GELU", "HARD_SWISH", "L2_NORMALIZATION"),
    *("LEAKY_RELU", "LOCAL_RESPONSE_NORMALIZATION", "LOG", "LOGICAL_NOT", "LOGISTIC", "LOG_SOFTMAX", "NEG", "PRELU"),
    *("QUANTIZE", "RELU", "RELU6", "RELU_0_TO_1", "RELU_N1_TO_1", "REVERSE_V2", "ROUND", "RSQRT", "SIN", "SOFTMAX"),
    *("SQRT", "SQUARE", "TANH", "ZEROS_LIKE"),
}
_BROADCAST = {"ADD", "DIV", "FLOOR_DIV", "FLOOR_MOD", "MAXIMUM", "MINIMUM", "MUL", "POW", "SQUARED_DIFFERENCE", "SUB"}
_SAME_COUNT = {"CONCATENATION", "EXPAND_DIMS", "PACK", "RESHAPE", "SQUEEZE"}
_REDUCING = {"MEAN", "REDUCE_ALL", "REDUCE_ANY", "REDUCE_MAX", "REDUCE_MIN", "REDUCE_PROD", "SUM"}
# These move the values of their first input without changing them.
_SAME_TYPE = {*_SAME_COUNT, "MIRROR_PAD", "PAD", "REVERSE_V2", "SLICE", "STRIDED_SLICE", "TILE", "TRANSPOSE", "UNPACK"}
# The second input of these contains positions, sizes, counts or axes.
_NUMBERED = {"MIRROR_PAD", "PAD", "PADV2", "RESHAPE", "SLICE", "STRIDED_SLICE", "TILE", "TRANSPOSE", *_REDUCING}
# Batch and time are the first two axes, in one order or the other.
_SEQUENCE = {"UNIDIRECTIONAL_SEQUENCE_LSTM", "UNIDIRECTIONAL_SEQUENCE_RNN", "BIDIRECTIONAL_SEQUENCE_LSTM"}

Shape = tuple[int, ...]
#: Returns the values of a small integer constant by its tensor number; ``None`` if they are not in the file.
Constants = Callable[[int], "Shape | None"]


class OpenSizes:
    """Tensors of a subgraph whose actual shape is known only when the model runs.

    A size that is only known when the model runs is stored as 1, with -1 in the shape signature. Tools that insert
    tensors omit the signature, so an output without a signature also counts as open if an input is open. A tensor of
    unknown rank is stored as a scalar; converters before TensorFlow 2.8 stored real scalars in the same way. Both
    interpreters plan the memory of either from the inputs, not from the stored shape.

    Attributes:
        batch: Numbers of the tensors whose first size is open.
        any_size: Numbers of the tensors with any other open size, or with an open rank.
    """

    def __init__(self, tensors: Sequence[TensorDescription], unranked: set[int], unsigned: set[int]) -> None:
        self.any_size = unranked | {t.index for t in tensors if -1 in t.shape_signature[1:]}
        self.batch = {t.index for t in tensors if -1 in t.shape_signature[:1]}
        self._unsigned = unsigned

    def follow(self, operator: OperatorDescription) -> None:
        """If an input of an operator is open, mark its outputs without a shape signature as open, too."""
        for known in (self.any_size, self.batch):
            if known.intersection(operator.inputs):
                known.update(self._unsigned.intersection(operator.outputs))


def check_shapes(
    what: str,
    operator: OperatorDescription,
    tensors: Sequence[TensorDescription],
    constants: Constants,
    open_sizes: OpenSizes,
) -> None:
    """Raise an error if an output cannot have its stored shape.

    Operators that are not listed here pass, and so do tensors with open sizes other than the batch.

    Args:
        what: Name of the operator in messages.
        operator: The operator.
        tensors: Tensors of the operator's subgraph.
        constants: Looks up the values of a constant.
        open_sizes: Open sizes of the subgraph, up to this operator.
    Raises:
        ModelFileError: The shapes are inconsistent; the message names the operator.
    """
    if operator.name == "STRIDED_SLICE" and 0 in (constants(operator.inputs[3]) or ()):
        # tflite-runtime up to 2.13 divides by the stride.
        raise damaged(f"{what}, a STRIDED_SLICE, has a stride of 0")
    numbers = {index for index in (*operator.inputs, *operator.outputs) if index >= 0}
    operands = [tensors[index] for index in (*operator.inputs, *operator.outputs) if index >= 0]
    if len(operands) > 1 and not _types_fit(operator, operands):
        raise damaged(f"{what}, a {operator.name}, cannot work on tensors of these types")
    inputs = [tensors[index].shape for index in operator.inputs if index >= 0]
    outputs = [tensors[index].shape for index in operator.outputs]
    if not inputs or not outputs or not open_sizes.any_size.isdisjoint(numbers):
        return
    if not _fits(operator, inputs, outputs, constants, not open_sizes.batch.isdisjoint(numbers)):
        raise damaged(f"{what}, a {operator.name}, cannot turn {inputs} into {outputs}")


def _types_fit(operator: OperatorDescription, operands: Sequence[TensorDescription]) -> bool:
    if operator.name in _SAME_TYPE and operands[0].dtype != operands[-1].dtype:
        return False
    return not (operator.name in _NUMBERED and len(operator.inputs) > 1) or operands[1].dtype in ("int32", "int64")


def _fits(
    operator: OperatorDescription,
    inputs: Sequence[Shape],
    outputs: Sequence[Shape],
    constants: Constants,
    free_batch: bool,
) -> bool:
    name, first, output = operator.name, inputs[0], outputs[0]
    if name in _SAME_SHAPE:
        return output == first
    if name in _BROADCAST:
        return len(inputs) == 2 and shapes_agree(_broadcast(first, inputs[1]), output, free_batch)
    if name in _SAME_COUNT:
        # A free batch is stored as 1, even if it was merged with another axis.
        data = inputs if name in ("CONCATENATION", "PACK") else inputs[:1]
        return free_batch or sum(map(prod, data)) == prod(output)
    if name in ("SPLIT", "SPLIT_V"):
        return free_batch or prod(inputs[1 if name == "SPLIT" else 0]) == sum(map(prod, outputs))
    if name == "UNPACK":
        return prod(first) == sum(map(prod, outputs))
    if name in _SEQUENCE:
        return output[:2] == first[:2]
    if name == "FULLY_CONNECTED":
        return _fits_fully_connected(inputs, output, free_batch)
    if name == "TRANSPOSE_CONV":
        # tflite-runtime 2.14 writes as much as the first input states, regardless of the image.
        size = constants(operator.inputs[0])
        return size is None or shapes_agree(size, output, free_batch)
    values = constants(operator.inputs[1]) if len(operator.inputs) > 1 else None
    return values is None or _fits_constant(name, first, values, output, free_batch)


def shapes_agree(expected: Shape | None, output: Shape, free_batch: bool) -> bool:
    """Whether a shape is the expected one; an open first size is ignored, because it is always stored as 1."""
    if free_batch and expected is not None and len(expected) == len(output):
        return expected[1:] == output[1:]
    return expected == output


def _fits_constant(name: str, first: Shape, values: Shape, output: Shape, free_batch: bool) -> bool:
    """Whether the output has the shape that follows from the first input and the constant second input."""
    rank = len(first)
    if name in ("PAD", "PADV2", "MIRROR_PAD"):
        if len(values) != 2 * rank or min(values, default=0) < 0:
            return False
        padded = tuple(size + before + after for size, before, after in zip(first, values[::2], values[1::2]))
        return shapes_agree(padded, output, free_batch)
    if name == "TILE":
        tiled = tuple(size * times for size, times in zip(first, values))
        return len(values) == rank and shapes_agree(tiled, output, free_batch)
    if name == "TRANSPOSE":
        return sorted(values) == list(range(rank)) and tuple(first[axis] for axis in values) == output
    if name in _REDUCING:
        if not all(-rank <= axis < rank for axis in values):
            return False
        reduced = {axis % rank for axis in values}
        return prod(size for axis, size in enumerate(first) if axis not in reduced) == prod(output)
    if name in ("RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR"):
        return rank == len(output) == 4 and output == (first[0], *values, first[3])
    return True


def _fits_fully_connected(inputs: Sequence[Shape], output: Shape, free_batch: bool) -> bool:
    if len(inputs) < 2 or len(inputs[1]) != 2 or 0 in inputs[1]:
        return False
    units, depth = inputs[1]
    rows, rest = divmod(prod(inputs[0]), depth)
    fits = output[-1:] == (units,) if free_batch else prod(output) == rows * units
    return rest == 0 and fits and (len(inputs) < 3 or prod(inputs[2]) == units)


def _broadcast(left: Shape, right: Shape) -> Shape | None:
    rank = max(len(left), len(right))
    sizes = []
    for one, other in zip((1,) * (rank - len(left)) + left, (1,) * (rank - len(right)) + right):
        if one != other and 1 not in (one, other):
            return None
        sizes.append(other if one == 1 else one)
    return tuple(sizes)
