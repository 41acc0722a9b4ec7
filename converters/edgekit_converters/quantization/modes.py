"""The vocabulary of quantization: which parts of a model become integers."""

from __future__ import annotations

from enum import Enum


class Mode(str, Enum):
    """How weights and activations are stored and computed.

    Attributes:
        NONE: float32 weights and activations.
        FLOAT16: float16 weights, float32 arithmetic.
        DYNAMIC: int8 weights; activations are float32 and quantized on the fly.
        INT8: int8 weights and activations; needs a representative dataset.
    """

    NONE = "none"
    FLOAT16 = "float16"
    DYNAMIC = "dynamic"
    INT8 = "int8"

    @property
    def needs_calibration(self) -> bool:
        """Whether the ranges of the activations have to be measured on real data."""
        return self is Mode.INT8


class IoType(str, Enum):
    """Type of the model's inputs and outputs."""

    FLOAT32 = "float32"
    INT8 = "int8"
    UINT8 = "uint8"
