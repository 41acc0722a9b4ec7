"""Checks the output shapes of operators that take a slice of their input, or move blocks of it.

tflite-runtime 2.14 plans the memory of the output from its stored shape, but writes as much as follows from the input
and from begin, size and block size.
"""

from __future__ import annotations

from collections.abc import Sequence

from edgekit_runtime.tflite.description import OperatorDescription, TensorDescription
from edgekit_runtime.tflite.flatbuffer import Table, damaged
from edgekit_runtime.tflite.schema import DepthToSpaceOptions, Operator, SpaceToDepthOptions, StridedSliceOptions
from edgekit_runtime.tflite.shapes import Constants, OpenSizes, Shape, shapes_agree

#: The operators that :func:`check_slice` supports.
SLICING = ("DEPTH_TO_SPACE", "SLICE", "SPACE_TO_DEPTH", "STRIDED_SLICE")
_IMPOSSIBLE = (-1,)


def check_slice(
    entry: Table,
    operator: OperatorDescription,
    tensors: Sequence[TensorDescription],
    constants: Constants,
    open_sizes: OpenSizes,
) -> None:
    """Raise an error unless the output of an operator has the shape that follows from its input and options.

    Args:
        entry: Table of the operator, which contains its options.
        operator: One of :data:`SLICING`.
        tensors: Tensors of the operator's subgraph.
        constants: Looks up the values of a constant.
        open_sizes: Open sizes of the subgraph, up to this operator.
    Raises:
        ModelFileError: The output has another shape; the message names the operator.
    """
    numbers = {operator.inputs[0], operator.outputs[0]}
    if not open_sizes.any_size.isdisjoint(numbers):
        return
    first, output = tensors[operator.inputs[0]].shape, tensors[operator.outputs[0]].shape
    places = [constants(index) for index in operator.inputs[1:]]
    if any(values is None for values in places):
        return
    options = entry.table(Operator.BUILTIN_OPTIONS, "options")
    expected = _expected(operator.name, options, first, [values for values in places if values is not None])
    if expected is not None and not shapes_agree(expected, output, not open_sizes.batch.isdisjoint(numbers)):
        raise damaged(f"{entry.what}, a {operator.name}, cannot turn {first} into {output}")


def _expected(name: str, options: Table | None, first: Shape, places: Sequence[Shape]) -> Shape | None:
    """The expected shape of the output; ``None`` if it cannot be determined."""
    if name == "SLICE":
        return _sliced(first, *places)
    if name == "STRIDED_SLICE":
        return None if options is None else _strided(options, first, *places)
    if options is None or len(first) != 4:
        return None
    batch, height, width, channels = first
    if name == "SPACE_TO_DEPTH":
        block = options.scalar(SpaceToDepthOptions.BLOCK_SIZE, "i")
        return batch, height // block, width // block, channels * block * block
    block = options.scalar(DepthToSpaceOptions.BLOCK_SIZE, "i")
    return batch, height * block, width * block, channels // (block * block)


def _sliced(first: Shape, begin: Shape, size: Shape) -> Shape | None:
    if not len(begin) == len(size) == len(first):
        return _IMPOSSIBLE
    parts = [whole - start if taken == -1 else taken for whole, start, taken in zip(first, begin, size)]
    # Neither interpreter checks that the slice begins and ends inside the input.
    if any(start < 0 or part < 0 or start + part > whole for whole, start, part in zip(first, begin, parts)):
        return _IMPOSSIBLE
    return tuple(parts)


def _strided(options: Table, first: Shape, begin: Shape, end: Shape, strides: Shape) -> Shape | None:
    # Only kernels that compute the shape themselves support these masks; XNNPACK does not.
    has_special_axes = options.scalar(StridedSliceOptions.ELLIPSIS_MASK, "i") or options.scalar(
        StridedSliceOptions.NEW_AXIS_MASK, "i"
    )
    if has_special_axes or options.scalar(StridedSliceOptions.OFFSET, "b"):
        return None
    if not len(begin) == len(end) == len(strides) <= len(first):
        return None
    begin_mask = options.scalar(StridedSliceOptions.BEGIN_MASK, "i")
    end_mask = options.scalar(StridedSliceOptions.END_MASK, "i")
    shrinks = options.scalar(StridedSliceOptions.SHRINK_AXIS_MASK, "i")
    shape = []
    for axis, whole in enumerate(first):
        bit = 1 << axis
        if axis >= len(begin):
            shape.append(whole)
        elif not shrinks & bit:
            start = None if begin_mask & bit else begin[axis]
            stop = None if end_mask & bit else end[axis]
            shape.append(len(range(*slice(start, stop, strides[axis]).indices(whole))))
    return tuple(shape)
