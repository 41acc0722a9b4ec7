"""Holds a float model and what is needed to quantize it."""

from __future__ import annotations

from dataclasses import dataclass

from edgekit_converters.quantization.ranges import Ranges
from edgekit_runtime.tflite.tflite_model import TfliteModel


@dataclass(frozen=True, slots=True, eq=False)
class FloatBase:
    """A float model that a mode is quantized from.

    Attributes:
        model: The float32 .tflite.
        ranges: Ranges measured on it; None if no mode needs them.
        float_operators: Operators that stay in float in calibrated modes.
    """

    model: TfliteModel
    ranges: Ranges | None
    float_operators: tuple[str, ...] = ()
