"""Checks that the stored shapes and types of an operator's inputs and outputs fit each other.

Delegates plan their memory from the stored shapes, and an operator then writes as much as its inputs make of it:
where the two differ, tflite-runtime 2.14 writes beyond the end. It divides by what the shapes of a window promise.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod

from edgekit_runtime.description import OperatorDescription, TensorDescription
from edgekit_runtime.flatbuffer import Table, damaged

_SAME_SHAPE = {
    *("ABS", "CAST", "CEIL", "COS", "DEQUANTIZE", "ELU", "EXP", "FLOOR", "GELU", "HARD_SWISH", "L2_NORMALIZATION"),
    *("LEAKY_RELU", "LOCAL_RESPONSE_NORMALIZATION", "LOG", "LOGICAL_NOT", "LOGISTIC", "LOG_SOFTMAX", "NEG", "PRELU"),
    *("QUANTIZE", "RELU", "RELU6", "RELU_0_TO_1", "RELU_N1_TO_1", "REVERSE_V2", "ROUND", "RSQRT", "SIN", "SOFTMAX"),
    *("SQRT", "SQUARE", "TANH", "ZEROS_LIKE"),
}
_BROADCAST = {"ADD", "DIV", "FLOOR_DIV", "FLOOR_MOD", "MAXIMUM", "MINIMUM", "MUL", "POW", "SQUARED_DIFFERENCE", "SUB"}
_SAME_COUNT = {"CONCATENATION", "EXPAND_DIMS", "PACK", "RESHAPE", "SQUEEZE"}
_REDUCING = {"MEAN", "REDUCE_ALL", "REDUCE_ANY", "REDUCE_MAX", "REDUCE_MIN", "REDUCE_PROD", "SUM"}
# These move what their first input holds as it is.
_SAME_TYPE = {*_SAME_COUNT, "MIRROR_PAD", "PAD", "REVERSE_V2", "SLICE", "STRIDED_SLICE", "TILE", "TRANSPOSE", "UNPACK"}
# Their second input says where or how many.
_NUMBERED = {"MIRROR_PAD", "PAD", "PADV2", "RESHAPE", "SLICE", "STRIDED_SLICE", "TILE", "TRANSPOSE", *_REDUCING}
# Batch and time are the first two axes, in one order or the other.
_SEQUENCE = {"UNIDIRECTIONAL_SEQUENCE_LSTM", "UNIDIRECTIONAL_SEQUENCE_RNN", "BIDIRECTIONAL_SEQUENCE_LSTM"}

Shape = tuple[int, ...]
#: The values of a small integer constant by its tensor's number, ``None`` where they are not in the file.
Constants = Callable[[int], "Shape | None"]


def check_shapes(
    what: str, operator: OperatorDescription, tensors: Sequence[TensorDescription], constants: Constants
) -> None:
    """Raise where an output cannot have its stored shape.

    Operators that are not known here pass, and so do tensors with sizes that the caller chooses beside the batch.

    Args:
        what: What to call the operator.
        operator: The operator.
        tensors: The tensors of its subgraph.
        constants: Looks up the values of a constant.
    Raises:
        ModelFileError: Naming the operator.
    """
    if operator.name == "STRIDED_SLICE" and 0 in (constants(operator.inputs[3]) or ()):
        # tflite-runtime up to 2.13 divides by it.
        raise damaged(f"{what}, a STRIDED_SLICE, has a stride of 0")
    operands = [tensors[index] for index in (*operator.inputs, *operator.outputs) if index >= 0]
    if len(operands) > 1 and not _types_fit(operator, operands):
        raise damaged(f"{what}, a {operator.name}, cannot work on tensors of these types")
    inputs = [tensors[index].shape for index in operator.inputs if index >= 0]
    outputs = [tensors[index].shape for index in operator.outputs]
    if not inputs or not outputs or any(-1 in tensor.shape_signature[1:] for tensor in operands):
        return
    if not _fits(operator, inputs, outputs, constants, any(-1 in tensor.shape_signature for tensor in operands)):
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
        return len(inputs) == 2 and output == _broadcast(first, inputs[1])
    if name in _SAME_COUNT:
        # A free batch is stored as 1, also where it was multiplied with another axis.
        data = inputs if name in ("CONCATENATION", "PACK") else inputs[:1]
        return free_batch or sum(map(prod, data)) == prod(output)
    if name in ("SPLIT", "SPLIT_V"):
        return prod(inputs[1 if name == "SPLIT" else 0]) == sum(map(prod, outputs))
    if name == "UNPACK":
        return prod(first) == sum(map(prod, outputs))
    if name in _SEQUENCE:
        return output[:2] == first[:2]
    if name == "FULLY_CONNECTED":
        return _fits_fully_connected(inputs, output)
    values = constants(operator.inputs[1]) if len(operator.inputs) > 1 else None
    return values is None or _fits_constant(name, first, values, output)


def _fits_constant(name: str, first: Shape, values: Shape, output: Shape) -> bool:
    """Whether the output's shape is what the constant second input makes of the first."""
    rank = len(first)
    if name in ("PAD", "PADV2", "MIRROR_PAD"):
        if len(values) != 2 * rank or min(values, default=0) < 0:
            return False
        return tuple(size + before + after for size, before, after in zip(first, values[::2], values[1::2])) == output
    if name == "TILE":
        return len(values) == rank and tuple(size * times for size, times in zip(first, values)) == output
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


def _fits_fully_connected(inputs: Sequence[Shape], output: Shape) -> bool:
    if len(inputs) < 2 or len(inputs[1]) != 2 or 0 in inputs[1]:
        return False
    units, depth = inputs[1]
    rows, rest = divmod(prod(inputs[0]), depth)
    return rest == 0 and prod(output) == rows * units and (len(inputs) < 3 or prod(inputs[2]) == units)


def _broadcast(left: Shape, right: Shape) -> Shape | None:
    rank = max(len(left), len(right))
    sizes = []
    for one, other in zip((1,) * (rank - len(left)) + left, (1,) * (rank - len(right)) + right):
        if one != other and 1 not in (one, other):
            return None
        sizes.append(other if one == 1 else one)
    return tuple(sizes)


#: Operators that have a window, and the fields of their options with the dilation of width and height.
WINDOWED = {
    "CONV_2D": (4, 5),
    "DEPTHWISE_CONV_2D": (5, 6),
    "TRANSPOSE_CONV": None,
    "AVERAGE_POOL_2D": None,
    "MAX_POOL_2D": None,
    "L2_POOL_2D": None,
}
_SAME, _VALID = 0, 1


def check_window(entry: Table, operator: OperatorDescription, tensors: Sequence[TensorDescription]) -> None:
    """Raise unless image, filters, strides and output of a windowed operator fit each other.

    Args:
        entry: The operator's table; its options are there.
        operator: One of :data:`WINDOWED`.
        tensors: The tensors of its subgraph.
    Raises:
        ModelFileError: Naming the operator.
    """
    operands = [tensors[index] for index in operator.inputs if index >= 0]
    image, filters = _image_and_filters(entry, operator.name, operands)
    if not operator.outputs:
        raise damaged(f"{entry.what} is a {operator.name} without an output")
    output = tensors[operator.outputs[0]]
    if len(output.shape) != 4:
        raise damaged(f"{entry.what} is a {operator.name} whose output is no image")
    if operator.name == "TRANSPOSE_CONV":
        # By definition the convolution that leads back from its output to its input.
        image, output = output, image
    _check_sizes(entry, operator.name, image, filters, output)


def _image_and_filters(
    entry: Table, name: str, operands: Sequence[TensorDescription]
) -> tuple[TensorDescription, tuple[int, ...] | None]:
    """The image, and the filters' shape where the operator has filters that are a tensor."""
    images = {"TRANSPOSE_CONV": 2}
    needed = 1 if "POOL" in name else 3 if name == "TRANSPOSE_CONV" else 2
    if len(operands) < needed:
        raise damaged(f"{entry.what} is a {name} with {len(operands)} inputs")
    image = operands[images.get(name, 0)]
    if len(image.shape) != 4 or image.shape[3] == 0:
        raise damaged(f"{entry.what} is a {name} without an image")
    if "POOL" in name:
        return image, None
    filters = operands[1].shape
    if len(filters) != 4 or 0 in filters:
        raise damaged(f"{entry.what} is a {name} without filters")
    channels = image.shape[3]
    if name == "CONV_2D":
        fits = channels % filters[3] == 0 and filters[0] % (channels // filters[3]) == 0
    elif name == "DEPTHWISE_CONV_2D":
        fits = filters[3] % channels == 0
    else:
        fits = filters[3] == channels
    if not fits:
        raise damaged(f"{entry.what} has filters of shape {filters} for {channels} channels")
    return image, filters


def _check_sizes(
    entry: Table,
    name: str,
    image: TensorDescription,
    filters: tuple[int, ...] | None,
    output: TensorDescription,
) -> None:
    options = entry.table(4, "options")
    # Sizes that the caller chooses are stored as 1, whatever comes out of that.
    if options is None or -1 in image.shape_signature[1:] or -1 in output.shape_signature[1:]:
        return
    padding = options.scalar(0, "b")
    dilations = WINDOWED[name]
    for axis, stride_field, filter_field, place in ((2, 1, 3, 0), (1, 2, 4, 1)):
        window = options.scalar(filter_field, "i") if filters is None else filters[axis]
        reach = (window - 1) * (1 if dilations is None else options.scalar(dilations[place], "i", 1)) + 1
        covered = image.shape[axis] if padding == _SAME else image.shape[axis] - reach + 1
        if padding not in (_SAME, _VALID) or -(-covered // options.scalar(stride_field, "i")) != output.shape[axis]:
            raise damaged(
                f"{entry.what} is a {name} whose output is {output.shape[axis]} wide or high"
                f" where its window does not lead to that from {image.shape[axis]}"
            )
