"""Fake quantization in TensorFlow: values are rounded to the codes that will be written; gradients pass through."""

from __future__ import annotations

from typing import Any

import numpy as np

from edgekit_converters.finetuning.rounding_plan import WeightRounding
from edgekit_converters.quantization.weight_bounds import least_squares_bounds

_LARGEST_CODE = {4: 7, 8: 127}


def rounded_activation(values: Any, low: Any, high: Any, bits: int) -> Any:
    """Round an activation to the codes of the range ``low`` to ``high``, and learn both ends.

    The gradient of the ends is that of Esser et al., "Learned Step Size Quantization" (2020), with a zero point.

    Args:
        values: Any shape, float32.
        low: Smallest real value that a code represents, at most 0, scalar.
        high: Largest, likewise.
        bits: 8 or 16; 16 bits are symmetric.
    """
    import tensorflow as tf

    @tf.custom_gradient
    def rounded(values: Any, low: Any, high: Any) -> Any:
        result = tf.quantization.fake_quant_with_min_max_vars(values, low, high, num_bits=bits, narrow_range=bits == 16)

        def gradient(upstream: Any) -> Any:
            below, above = tf.cast(values < low, tf.float32), tf.cast(values > high, tf.float32)
            inside = upstream * (1 - below - above)
            by_step = tf.reduce_sum(inside * (result - values)) / (high - low)
            return inside, tf.reduce_sum(upstream * below) - by_step, tf.reduce_sum(upstream * above) + by_step

        return result, gradient

    return rounded(values, low, high)


def rounded_weights(weights: Any, rounding: WeightRounding, bounds: Any) -> Any:
    """Round weights to symmetric codes; the gradient of the weights passes unchanged, that of the bounds is learnt.

    Args:
        weights: Any shape, float32.
        rounding: Bits and channel axis.
        bounds: Value of the largest code per channel, shape as ``weights`` with all other axes reduced to 1; None uses
            the largest weight.
    """
    import tensorflow as tf

    largest_code = _LARGEST_CODE[rounding.bits]
    axes = _other_axes(weights, rounding)
    if bounds is None:
        bounds = tf.stop_gradient(tf.reduce_max(tf.abs(weights), axis=axes, keepdims=True))

    @tf.custom_gradient
    def rounded(weights: Any, bounds: Any) -> Any:
        scale = tf.maximum(bounds / largest_code, 1e-30)
        codes = tf.clip_by_value(tf.round(weights / scale), -largest_code - (rounding.bits == 4), largest_code)
        result = codes * scale

        def gradient(upstream: Any) -> Any:
            by_scale = tf.reduce_sum(upstream * (codes - weights / scale * _within(weights, codes, scale)), axes, True)
            return upstream, by_scale / largest_code

        return result, gradient

    return rounded(weights, bounds)


def _within(weights: Any, codes: Any, scale: Any) -> Any:
    """1 for weights that are rounded and 0 for those that are clipped, whose codes do not follow the weight."""
    import tensorflow as tf

    return tf.cast(tf.abs(weights / scale - codes) <= 0.5, tf.float32)


def first_bounds(weights: np.ndarray, rounding: WeightRounding) -> np.ndarray:
    """The value of the largest 4-bit code of each channel, as quantization chooses it."""
    axis = rounding.axis
    rows = weights.reshape(1, -1) if axis is None else np.moveaxis(weights, axis, 0).reshape(weights.shape[axis], -1)
    sizes = [size if place == axis else 1 for place, size in enumerate(weights.shape)]
    return least_squares_bounds(rows).reshape(sizes).astype(np.float32)


def _other_axes(weights: Any, rounding: WeightRounding) -> list[int]:
    return [axis for axis in range(len(weights.shape)) if axis != rounding.axis]
