"""Scale and zero point arithmetic, following the LiteRT 8-bit quantization specification.

Rounding is half to even, as in LiteRT's XNNPACK kernels. tflite-runtime 2.14 rounds half away from zero, so a value
exactly between two codes may get the other neighbour there. That interpreter also turns infinity and values beyond
about 2e9 steps into the smallest code, whereas :func:`quantize` saturates them to the code nearest to them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from edgekit_runtime.errors import TensorMismatchError


class QuantizationParams:
    """How integer codes represent real values: ``real = scale * (code - zero_point)``.

    Attributes:
        scale: Real value of one step, float32; shape ``()`` per tensor or ``(C,)`` per channel.
        zero_point: The code of real 0.0, int32; same shape as ``scale``.
        quantized_dimension: The axis of the C channels; unused per tensor.
    """

    def __init__(self, scale: Any, zero_point: Any, quantized_dimension: int = 0) -> None:
        self.scale = np.asarray(scale, np.float32)
        self.zero_point = np.asarray(zero_point, np.int32)
        self.quantized_dimension = quantized_dimension
        if self.scale.shape != self.zero_point.shape or self.scale.ndim > 1:
            raise TensorMismatchError(
                "Scale and zero point do not match.",
                expected="both of shape () or both of shape (C,)",
                received=f"scale {self.scale.shape}, zero point {self.zero_point.shape}",
            )

    @property
    def per_channel(self) -> bool:
        """Whether each channel has its own scale."""
        return self.scale.ndim == 1


class Quantizer:
    """:func:`quantize` for one tensor; everything that does not depend on the values is computed in advance."""

    def __init__(self, params: QuantizationParams, dtype: np.dtype | type, shape: tuple[int, ...]) -> None:
        limits = np.iinfo(dtype)
        if limits.bits > 16:
            raise TensorMismatchError("Only codes of 8 and 16 bits are quantized.", received=str(np.dtype(dtype)))
        scale, zero_point = _along_channels(params, shape)
        self._dtype = np.dtype(dtype)
        # Multiplies by 1/scale in float32, as XNNPACK does; a division could differ in the last bit.
        # Even single numbers are arrays, because numpy processes arrays faster than its own scalars.
        with np.errstate(divide="ignore", over="ignore"):
            self._steps_per_unit = np.asarray(np.float32(1) / scale)
        if not np.isfinite(self._steps_per_unit).all():
            raise TensorMismatchError(
                "A scale is too small to quantize values with.", received=f"{np.min(scale):g}", expected="above 3e-39"
            )
        self._zero_point = np.asarray(zero_point, np.float32)
        self._smallest = np.asarray(limits.min - zero_point, np.float32)
        self._largest = np.asarray(limits.max - zero_point, np.float32)
        self._surely_in_range = (float(self._smallest.max()), float(self._largest.min()))

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """Map float32 values of the tensor's shape to codes; see :func:`quantize`."""
        steps = np.multiply(values, self._steps_per_unit)
        np.rint(steps, out=steps)
        if not self._all_in_range(steps):
            if np.isnan(steps).any():
                raise TensorMismatchError("NaN cannot be quantized.", next_step="find the NaN in the data")
            np.clip(steps, self._smallest, self._largest, out=steps)
        np.add(steps, self._zero_point, out=steps)
        return steps.astype(self._dtype)

    def _all_in_range(self, steps: np.ndarray) -> bool:
        # argmax and argmin return the index of a NaN if there is one, and are the fastest functions in numpy for this.
        # Every comparison with NaN is false.
        return (
            steps.size > 0
            and bool(steps.item(steps.argmin()) >= self._surely_in_range[0])
            and bool(steps.item(steps.argmax()) <= self._surely_in_range[1])
        )


def quantize(values: np.ndarray, params: QuantizationParams, dtype: np.dtype | type) -> np.ndarray:
    """Map real values to integer codes, ``round(values / scale) + zero_point``, saturating.

    Args:
        values: Any shape, a float dtype; channels on ``params.quantized_dimension``.
        params: Scale and zero point, per tensor or per channel.
        dtype: int8, uint8 or int16.
    Returns:
        Codes of the same shape and of ``dtype``; values out of range get the nearest code.
    Raises:
        TensorMismatchError: A value is NaN, which no code represents, or the channel count differs.
    Source: LiteRT 8-bit quantization specification; rounding as in the module's docstring.
    """
    values = np.asarray(values, np.float32)
    return Quantizer(params, dtype, values.shape)(values)


def dequantize(codes: np.ndarray, params: QuantizationParams) -> np.ndarray:
    """Map integer codes to real values, ``scale * (codes - zero_point)``.

    Args:
        codes: Any shape, an integer dtype; channels on ``params.quantized_dimension``.
        params: Scale and zero point, per tensor or per channel.
    Returns:
        Real values, same shape, float32.
    Raises:
        TensorMismatchError: The channel count differs.
    Source: LiteRT 8-bit quantization specification.
    """
    codes = np.asarray(codes)
    scale, zero_point = _along_channels(params, codes.shape)
    # Widened first: int8 minus a zero point of -128 can reach 255 and would wrap around.
    return (codes.astype(np.int64) - zero_point).astype(np.float32) * scale


def _along_channels(params: QuantizationParams, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Scale and zero point, reshaped to broadcast over a tensor of ``shape``."""
    if not params.per_channel:
        return params.scale, params.zero_point
    axis = params.quantized_dimension
    channels = params.scale.shape[0]
    if not 0 <= axis < len(shape) or shape[axis] != channels:
        raise TensorMismatchError(
            "The tensor's channel count does not match its quantization.",
            expected=f"{channels} channels on axis {axis}",
            received=f"shape {shape}",
        )
    broadcast = [1] * len(shape)
    broadcast[axis] = channels
    return params.scale.reshape(broadcast), params.zero_point.reshape(broadcast)
