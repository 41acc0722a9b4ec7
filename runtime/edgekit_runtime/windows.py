"""Checks that image, filters, strides and output of an operator with a window fit each other.

tflite-runtime 2.14 divides by what the shapes of a window promise.
"""

from collections.abc import Sequence
from typing import NamedTuple, Optional

from edgekit_runtime.description import OperatorDescription, TensorDescription
from edgekit_runtime.flatbuffer import Table, damaged
from edgekit_runtime.schema import (
    Conv2DOptions,
    DepthwiseConv2DOptions,
    Operator,
    Padding,
    Pool2DOptions,
    TransposeConvOptions,
)


class Window(NamedTuple):
    """Field numbers in the options of an operator with a window.

    Attributes:
        padding: The field of the enum Padding.
        strides: Fields of the strides along height and width.
        dilations: Fields of the dilations along height and width, ``None`` if the options have none.
        sizes: Fields of the window's height and width, ``None`` if its filters are a tensor.
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
#: Operators that have a window.
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
#: The axis of height in an image and in filters.
_HEIGHT = 1


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
) -> tuple[TensorDescription, tuple[int, ...]]:
    """The image, and the filters' shape, empty if no tensor holds the filters."""
    images = {"TRANSPOSE_CONV": 2}
    needed = 1 if "POOL" in name else 3 if name == "TRANSPOSE_CONV" else 2
    if len(operands) < needed:
        raise damaged(f"{entry.what} is a {name} with {len(operands)} inputs")
    image = operands[images.get(name, 0)]
    if len(image.shape) != 4 or image.shape[3] == 0:
        raise damaged(f"{entry.what} is a {name} without an image")
    if "POOL" in name:
        return image, ()
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
    filters: tuple[int, ...],
    output: TensorDescription,
) -> None:
    options = entry.table(Operator.BUILTIN_OPTIONS, "options")
    # Sizes that the caller chooses are stored as 1, whatever comes out of that.
    if options is None or -1 in image.shape_signature[1:] or -1 in output.shape_signature[1:]:
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
                f"{entry.what} is a {name} whose output is {output.shape[axis]} wide or high"
                f", which its window does not make of {image.shape[axis]}"
            )
