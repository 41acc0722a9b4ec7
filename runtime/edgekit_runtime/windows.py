"""Checks operators that slide a window over an image: native code divides by what these shapes promise."""

from __future__ import annotations

from collections.abc import Sequence

from edgekit_runtime.description import OperatorDescription, TensorDescription
from edgekit_runtime.flatbuffer import Table, damaged

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
