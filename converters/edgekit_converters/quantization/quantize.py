"""Quantizes a float32 .tflite."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np

from edgekit_converters.own_models import parse_quantized
from edgekit_converters.quantization.calibration import require_float
from edgekit_converters.quantization.io_types import to_uint8_io
from edgekit_converters.quantization.modes import IoType, Mode, Scheme
from edgekit_converters.quantization.open_sizes import with_open_sizes
from edgekit_converters.quantization.output_reads import (
    has_lost_outputs,
    has_read_outputs,
    with_integer_reads,
    with_named_float_outputs,
)
from edgekit_converters.quantization.quiet_quantizer import quiet
from edgekit_converters.quantization.ranges import Ranges
from edgekit_converters.quantization.recipes import INT4_OPERATORS, recipe_for
from edgekit_converters.quantization.unread_parts import has_unread_parts, with_typed_parts
from edgekit_converters.quantization.weight_bounds import Statistics, int4_weights, widened_weights
from edgekit_runtime.errors import ConversionError, UsageError
from edgekit_runtime.tensor_info import model_outputs
from edgekit_runtime.tflite.tflite_model import TfliteModel


def quantize(
    model: TfliteModel,
    mode: Mode,
    *,
    io: IoType = IoType.FLOAT32,
    scheme: Scheme = Scheme.PER_CHANNEL,
    ranges: Ranges | None = None,
    float_operators: Collection[str] = (),
    per_tensor_operators: Collection[str] = (),
) -> TfliteModel:
    """Quantize a float32 model; the same arguments give the same bytes.

    Args:
        model: A float32 model with one signature.
        mode: What becomes an integer.
        io: Type of inputs and outputs; one of ``mode.io_types``.
        scheme: How many scales weights have.
        ranges: Result of ``calibrate`` on this model; required by modes with integer activations.
        float_operators: Names of output tensors whose operators stay in float.
        per_tensor_operators: Kinds of operators whose weights get one scale regardless of ``scheme``.
    Raises:
        UsageError: ``mode`` does not support ``io``, ranges are missing, or no operator has one of the names.
        ConversionError: The quantizer cannot handle the model, or the model is already quantized.
    """
    require_possible(mode, io, has_data=ranges is not None)
    if mode is Mode.NONE:
        return model
    description = model.description
    require_float(description)
    recipe = recipe_for(
        description,
        mode,
        io=io,
        scheme=scheme,
        float_operators=float_operators,
        per_tensor_operators=per_tensor_operators,
    )
    one_scale = None if scheme is Scheme.PER_TENSOR else per_tensor_operators
    content = _apply(model.content, mode, recipe, _statistics(model.content, mode, ranges, one_scale))
    if has_unread_parts(description):
        content = with_typed_parts(content)
    if mode.needs_calibration and io is IoType.FLOAT32 and has_read_outputs(description):
        content = with_integer_reads(content)
    quantized = parse_quantized(content)
    if mode.needs_calibration and io is IoType.FLOAT32 and has_lost_outputs(quantized.description):
        names = [info.name for info in model_outputs(description)]
        quantized = parse_quantized(with_named_float_outputs(content, names))
    quantized = with_open_sizes(quantized)
    return parse_quantized(to_uint8_io(quantized.content)) if io is IoType.UINT8 else quantized


def require_possible(mode: Mode, io: IoType, *, has_data: bool) -> None:
    """Reject incompatible options before any work is done.

    Raises:
        UsageError: An input type that the mode does not have, or integer activations without data.
    """
    if io not in mode.io_types:
        having = [each.value for each in Mode if io in each.io_types]
        raise UsageError(
            f"--io {io.value} does not go with --quantize {mode.value}.",
            expected=f"--io {' or '.join(each.value for each in mode.io_types)} for {mode.value}",
            next_step=f"use --quantize {having[0]} --io {io.value}, or leave --io out",
        )
    if mode.needs_calibration and not has_data:
        raise UsageError(
            f"{mode.value} needs data: the ranges of the activations are measured on real inputs.",
            expected="--data with a few hundred inputs like those the model will see",
            received="no --data",
            next_step="pass --data digits, an .npz or a folder of images, or use --quantize dynamic, which needs none",
        )


def _apply(model: bytes, mode: Mode, recipe: list[dict[str, Any]], statistics: Statistics | None) -> bytes:
    from litert_quantizer import quantizer

    try:
        with quiet():
            worker = quantizer.Quantizer(model, recipe)
            result = worker.quantize(statistics, enable_progress_bar=False, enable_progress_report=False)
    except (ValueError, RuntimeError, KeyError, IndexError, NotImplementedError) as error:
        raise ConversionError(
            f"The model could not be quantized as {mode.value}.",
            received=str(error)[:300],
            next_step="try --quantize dynamic or float16, which leave the activations in float",
        ) from error
    return bytes(result.quantized_model)


def _statistics(
    model: bytes, mode: Mode, ranges: Ranges | None, per_tensor_operators: Collection[str] | None
) -> Statistics | None:
    """Ranges of activations and of some weights; for other weights litert-quantizer uses the largest value."""
    if mode.record.weight_bits == 4:
        return int4_weights(model, kinds=INT4_OPERATORS, per_tensor_operators=per_tensor_operators) or None
    if ranges is None or mode.record.activation_bits is None:
        return None
    statistics = _activation_statistics(ranges)
    return statistics | widened_weights(
        model,
        statistics,
        activation_bits=mode.record.activation_bits,
        per_tensor_operators=per_tensor_operators,
    )


def _activation_statistics(ranges: Ranges) -> Statistics:
    """Convert the ranges to litert-quantizer's form."""
    statistics = {}
    for name, (low, high) in ranges.limits.items():
        # A tensor that was 0 in every sample, such as that of a dead ReLU, needs a range too, since a scale of 0 is
        # invalid. The range is small because int8 kernels abort if an input's scale is far above the output's. It is
        # not smaller because a layer's bias is stored in steps of its input's scale and must fit in 32 bits.
        top = 1e-3 if low == high == 0 else high
        statistics[name] = {"min": np.array([low]), "max": np.array([top])}
    return statistics
