"""Checks that image, filters, strides and output of an operator with a window are consistent.

tflite-runtime 2.14 divides by sizes that it derives from these shapes.
"""

from collections.abc import Sequence
from typing import NamedTuple, Optional

from edgekit_runtime.tflite.description import OperatorDescription, TensorDescription
from edgekit_runtime.tflite.flatbuffer import Table, damaged
from edgekit_runtime.tflite.schema import (
    Conv2DOptions,
    DepthwiseConv2DOptions,
    Operator,
    Padding,
    Pool2DOptions,
    TransposeConvOptions,
)
from edgekit_runtime.tflite.shapes import OpenSizes


class Window(NamedTuple):
    """Field numbers in the options of an operator with a window.

    Attributes:
        padding: Field of the padding, a member of the enum ``Padding``.
        strides: Fields of the strides along height and width.
        dilations: Fields of the dilations along height and width; ``None`` if the options do not have them.
        sizes: Fields of the window's height and width; ``None`` if the filters are a tensor.
    """

    padding: int
    strides: tuple[int, int]
    dilations: Optional[tuple[int, int]] = None
    sizes: Optional[tuple[int, int]] = None


_POOL = Window(
    Pool2DOptions.PADDING,
    strides=(Pool2DOptions.STRIDE_H, Pool2DOptions.STRIDE_W),
    sizes=(Pool2DOptions.FILTER_HEIGHT, Pool2DOptions.FILTER_WIDTH),
)
#: Operators with a window, with the field numbers of their options.
WINDOWED = {
    "CONV_2D": Window(
        Conv2DOptions.PADDING,
        strides=(Conv2DOptions.STRIDE_H, Conv2DOptions.STRIDE_W),
        dilations=(Conv2DOptions.DILATION_H_FACTOR, Conv2DOptions.DILATION_W_FACTOR),
    ),
    "DEPTHWISE_CONV_2D": Window(
        DepthwiseConv2DOptions.PADDING,
        strides=(DepthwiseConv2DOptions.STRIDE_H, DepthwiseConv2DOptions.STRIDE_W),
        dilations=(DepthwiseConv2DOptions.DILATION_H_FACTOR, DepthwiseConv2DOptions.DILATION_W_FACTOR),
    ),
    "TRANSPOSE_CONV": Window(
        TransposeConvOptions.PADDING, strides=(TransposeConvOptions.STRIDE_H, TransposeConvOptions.STRIDE_W)
    ),
    "AVERAGE_POOL_2D": _POOL,
    "MAX_POOL_2D": _POOL,
    "L2_POOL_2D": _POOL,
}
_FEWEST_INPUTS = {
    **dict.fromkeys(("AVERAGE_POOL_2D", "MAX_POOL_2D", "L2_POOL_2D"), 1),
    **dict.fromkeys(("CONV_2D", "DEPTHWISE_CONV_2D"), 2),
    "TRANSPOSE_CONV": 3,
}
#: Index of the image among the inputs, for operators whose first input is not the image.
_IMAGE_INPUT = {"TRANSPOSE_CONV": 2}
#: The axis of height in an image and in filters.
_HEIGHT = 1


def check_window(
    entry: Table, operator: OperatorDescription, tensors: Sequence[TensorDescription], open_sizes: OpenSizes
) -> None:
    """Raise an error unless image, filters, strides and output of an operator with a window are consistent.

    Args:
        entry: Table of the operator, which contains its options.
        operator: One of :data:`WINDOWED`.
        tensors: Tensors of the operator's subgraph.
        open_sizes: Open sizes of the subgraph, up to this operator.
    Raises:
        ModelFileError: They are inconsistent; the message names the operator.
    """
    operands = [tensors[index] for index in operator.inputs if index >= 0]
    if len(operands) < _FEWEST_INPUTS[operator.name]:
        raise damaged(f"{entry.what} is a {operator.name} with {len(operands)} inputs")
    if not operator.outputs:
        raise damaged(f"{entry.what} is a {operator.name} without an output")
    image, output = operands[_IMAGE_INPUT.get(operator.name, 0)], tensors[operator.outputs[0]]
    # The rank is unknown until the kernel determines it; the kernel refuses any rank except 4.
    if not (image.shape and output.shape) and {image.index, output.index} & open_sizes.any_size:
        return
    filters = _filters(entry, operator.name, image, operands)
    if len(output.shape) != 4:
        raise damaged(f"{entry.what} is a {operator.name} whose output is not an image")
    if {image.index, output.index} & open_sizes.any_size:
        return
    if operator.name == "TRANSPOSE_CONV":
        # By definition, it is the transpose of the convolution from its output to its input.
        image, output = output, image
    _check_sizes(entry, operator.name, image, filters, output)


def _filters(
    entry: Table, name: str, image: TensorDescription, operands: Sequence[TensorDescription]
) -> tuple[int, ...]:
    """Shape of the filters; empty if the filters are not a tensor."""
    if len(image.shape) != 4 or image.shape[3] == 0:
        raise damaged(f"{entry.what} is a {name} without an image")
    if "POOL" in name:
        return ()
    filters = operands[1].shape
    if len(filters) != 4 or 0 in filters:
        raise damaged(f"{entry.what} is a {name} without filters")
    channels = image.shape[3]
    if name == "CONV_2D":
        fits = channels % filters[3] == 0 and filters[0] % (channels // filters[3]) == 0
    elif name == "DEPTHWISE_CONV_2D":
        options = entry.table(Operator.BUILTIN_OPTIONS, "options")
        # 0 if the converter left it to the shapes. For int16, tflite-runtime 2.14 relies on this number alone.
        multiplier = 0 if options is None else options.scalar(DepthwiseConv2DOptions.DEPTH_MULTIPLIER, "i")
        fits = filters[3] % channels == 0 and multiplier in (0, filters[3] // channels)
    else:
        fits = filters[3] == channels
    if not fits:
        raise damaged(f"{entry.what} has filters of shape {filters} for {channels} channels")
    return filters


def _check_sizes(
    entry: Table,
    name: str,
    image: TensorDescription,
    filters: tuple[int, ...],
    output: TensorDescription,
) -> None:
    options = entry.table(Operator.BUILTIN_OPTIONS, "options")
    if options is None:
        return
    window = WINDOWED[name]
    padding = options.scalar(window.padding, "b")
    for place in range(2):
        axis = _HEIGHT + place
        size = filters[axis] if window.sizes is None else options.scalar(window.sizes[place], "i")
        dilation = 1 if window.dilations is None else options.scalar(window.dilations[place], "i", 1)
        covered = image.shape[axis] if padding == Padding.SAME else image.shape[axis] - (size - 1) * dilation
        stride = options.scalar(window.strides[place], "i")
        if padding not in (Padding.SAME, Padding.VALID) or -(-covered // stride) != output.shape[axis]:
            raise damaged(
                f"{entry.what} is a {name} whose output size {output.shape[axis]} does not follow from"
                f" the image size {image.shape[axis]} and its window"
            )
