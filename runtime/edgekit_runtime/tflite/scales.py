"""Checks for scales that make native code divide by zero, abort the process or predict wrong values."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from edgekit_runtime.errors import InterpreterError
from edgekit_runtime.tflite.description import ModelDescription, OperatorDescription, TensorDescription
from edgekit_runtime.tflite.flatbuffer import damaged

_ARITHMETIC = {"ADD", "DIV", "MUL", "SQUARED_DIFFERENCE", "SUB"}
_INTEGERS = {"int8", "uint8", "int16"}
# Smaller scales are not normal float32 numbers. TensorFlow's converter stores them if all values are 0.
SMALLEST_SCALE = 2.0**-126
# Both interpreters widen sums by 20 bits before they scale them to the output, and abort if that is not enough.
_LARGEST_SUM_RATIO = 2.0**19
# LiteRT's kernels refuse an operator at or above this ratio; LiteRT 2.3 then frees its weights twice and aborts.
_LARGEST_PRODUCT_RATIO = 256.0
_WIDE = {"int16", "int32", "int64"}
#: Indices of the image and the weights among the inputs of operators that multiply the two.
_WEIGHTED = {"CONV_2D": (0, 1), "DEPTHWISE_CONV_2D": (0, 1), "FULLY_CONNECTED": (0, 1), "TRANSPOSE_CONV": (2, 1)}


def check_scales(what: str, operator: OperatorDescription, tensors: Sequence[TensorDescription]) -> None:
    """Raise an error if quantized arithmetic lacks a scale, or if its scales are too far apart.

    Args:
        what: Name of the operator in messages.
        operator: The operator.
        tensors: Tensors of the operator's subgraph.
    Raises:
        ModelFileError: The scales are invalid; the message names the operator.
    """
    if not operator.outputs:
        return
    output = tensors[operator.outputs[0]]
    # XNNPACK refuses such scales, and LiteRT 2.3 crashes on the refusal. Operators on int16 are left to other kernels,
    # which can run them.
    if output.dtype != "int16":
        for index in (*operator.inputs, *operator.outputs):
            if index >= 0 and tensors[index].dtype not in _WIDE and smallest_scale(tensors[index]) < SMALLEST_SCALE:
                raise damaged(f"{what}, a {operator.name}, works on tensor {index}, which has a scale of 0")
    if operator.name not in _ARITHMETIC:
        return
    operands = [tensors[index] for index in operator.inputs]
    with_scale = [bool(tensor.scales) for tensor in (output, *operands)]
    if output.dtype not in _INTEGERS or not any(with_scale):
        return
    if not all(with_scale):
        raise damaged(f"{what}, a {operator.name}, works on integers without a scale")
    if operator.name == "SQUARED_DIFFERENCE" and (2 * _largest(operands)) ** 2 >= 2**14 * min(output.scales):
        raise damaged(f"{what}, a {operator.name}, has an output scale that makes the kernel abort")
    if operator.name not in ("ADD", "SUB"):
        return
    if not all(smallest_scale(tensor) for tensor in (output, *operands)):
        raise damaged(f"{what}, a {operator.name}, has a scale of 0")
    ratio = _largest(operands) / min(output.scales)
    if ratio >= _LARGEST_SUM_RATIO:
        raise damaged(f"{what}, a {operator.name}, has scales that are {ratio:.0e} apart")


def _largest(tensors: Sequence[TensorDescription]) -> float:
    return max(max(tensor.scales) for tensor in tensors)


def smallest_scale(tensor: TensorDescription) -> float:
    """The smallest scale of a tensor; 1.0 if it has none."""
    return min(tensor.scales, default=1.0)


def refuse_scales_beyond(interpreter: str, version: str, description: ModelDescription) -> None:
    """Raise an error if an interpreter would abort because of a model's scales, or silently predict at chance level.

    Raises:
        InterpreterError: The interpreter cannot run the model correctly; the message names the interpreter.
    """
    if interpreter == "tflite-c" and _has_int4(description):
        raise InterpreterError(
            f"{interpreter} {version} reads 4-bit weights incorrectly.",
            expected="8-bit weights",
            next_step="convert the model again with --target tflite-c-2.17, or pip install ai-edge-litert",
        )
    if not has_old_kernels(interpreter, version) and dense_crashes(interpreter, version, description) != "always":
        refuse_scales_beyond_litert(description, "LiteRT" if interpreter == "litert" else f"{interpreter} {version}")
        return
    does = "crashes in" if dense_crashes(interpreter, version, description) == "always" else ""
    if _has_int4(description) or any(
        _is_misread(version, operator, output) for operator, _, output in _per_channel_dense(description)
    ):
        does = does or "predicts at chance level for"
    if does:
        raise InterpreterError(
            f"{interpreter} {version} {does} this model.",
            expected="dense layers with one scale, no 4-bit weights",
            next_step="convert the model again with --target tflite-runtime-2.14, or pip install ai-edge-litert",
        )


def _has_int4(description: ModelDescription) -> bool:
    return any(tensor.dtype == "int4" for subgraph in description.subgraphs for tensor in subgraph.tensors)


def has_old_kernels(interpreter: str, version: str) -> bool:
    """Whether an interpreter has the kernels of tflite-runtime, which ends at version 2.14.

    The C library was measured as 2.17.1, whose kernels are LiteRT's, and as Debian's 2.14.1.
    """
    major, _, rest = version.partition(".")
    minor = rest.partition(".")[0]
    is_new = interpreter == "tflite-c" and major == "2" and minor.isdecimal() and int(minor) >= 17
    return interpreter != "litert" and not is_new


def _is_misread(version: str, operator: OperatorDescription, output: TensorDescription) -> bool:
    """Whether tflite-runtime uses the first scale of a dense layer for all channels.

    Measured: all versions up to the last one, 2.14, do this if activations are floats, or are int16 with at least
    three dimensions and a bias. Versions up to 2.9 always do.
    """
    is_deep = output.dtype == "int16" and len(output.shape) > 2 and _has_bias(operator)
    return output.dtype == "float32" or is_deep or version.startswith(("2.5.", "2.6.", "2.7.", "2.8.", "2.9."))


def dense_crashes(interpreter: str, version: str, description: ModelDescription) -> str:
    """Whether a dense layer crashes the interpreter: "always", in "batches" of two or more examples, or "" for never.

    Measured on tflite-runtime 2.14 for aarch64 and armv7l: if a layer has int8 activations, one scale per channel and
    no bias, the kernel for several rows, or for fewer than four channels, reads the missing bias.
    """
    found = ""
    if interpreter != "litert" and os.uname().machine.startswith(("aarch64", "arm")):
        for operator, weights, output in _per_channel_dense(description):
            # The C library 2.17.1 on aarch64 crashes in large batches of a CNN with float activations, too.
            if interpreter == "tflite-c" and output.dtype == "float32":
                return "always"
            if output.dtype == "int8" and not _has_bias(operator):
                if len(weights.scales) < 4 or any(size > 1 for size in output.shape[:-1]):
                    return "always"
                found = "batches"
    return found


def _per_channel_dense(
    description: ModelDescription,
) -> Iterator[tuple[OperatorDescription, TensorDescription, TensorDescription]]:
    """Yield each dense layer with one scale per channel, with its weights and its output."""
    for subgraph in description.subgraphs:
        for operator in subgraph.operators:
            if operator.name == "FULLY_CONNECTED":
                weights = subgraph.tensors[operator.inputs[1]]
                if len(weights.scales) > 1:
                    yield operator, weights, subgraph.tensors[operator.outputs[0]]


def _has_bias(operator: OperatorDescription) -> bool:
    return max(operator.inputs[2:], default=-1) >= 0


def refuse_scales_beyond_litert(description: ModelDescription, interpreter: str = "LiteRT") -> None:
    """Raise an error if the scales of an operator's weights and output are too far apart for LiteRT's kernels.

    Raises:
        InterpreterError: LiteRT cannot run the operator; the message names it.
    """
    for subgraph in description.subgraphs:
        for number, operator in enumerate(subgraph.operators):
            if operator.name not in _WEIGHTED:
                continue
            image, weights = (subgraph.tensors[operator.inputs[place]] for place in _WEIGHTED[operator.name])
            output = subgraph.tensors[operator.outputs[0]]
            if not (image.scales and weights.scales and output.scales) or output.dtype in _WIDE:
                continue
            ratio = image.scales[0] * max(weights.scales) / output.scales[0]
            if ratio >= _LARGEST_PRODUCT_RATIO:
                raise InterpreterError(
                    f"{interpreter} cannot run operator {number}, a {operator.name}: its scales are too far apart.",
                    expected=f"input scale × weight scale / output scale below {_LARGEST_PRODUCT_RATIO:.0f}",
                    received=f"{ratio:.0f}",
                    next_step="calibrate with real data: an output that is always 0 gets such a scale",
                )
