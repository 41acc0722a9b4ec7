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
        INT16X8: int8 weights, int16 activations; needs a representative dataset.
        INT4: 4-bit weights of dense, convolution and embedding layers, int8 weights of the others; activations as in
            ``DYNAMIC``.
    """

    NONE = "none"
    FLOAT16 = "float16"
    DYNAMIC = "dynamic"
    INT8 = "int8"
    INT16X8 = "int16x8"
    INT4 = "int4"

    @property
    def needs_calibration(self) -> bool:
        """Whether the ranges of the activations have to be measured on real data."""
        return self in (Mode.INT8, Mode.INT16X8)

    @property
    def io_types(self) -> tuple[IoType, ...]:
        """The types that inputs and outputs can have; float32 first."""
        if self is Mode.INT8:
            return (IoType.FLOAT32, IoType.INT8, IoType.UINT8)
        if self is Mode.INT16X8:
            return (IoType.FLOAT32, IoType.INT16)
        return (IoType.FLOAT32,)


class IoType(str, Enum):
    """Type of the model's inputs and outputs."""

    FLOAT32 = "float32"
    INT8 = "int8"
    UINT8 = "uint8"
    INT16 = "int16"


class Scheme(str, Enum):
    """How many scales the weights of a layer have.

    Attributes:
        PER_CHANNEL: One for each output channel: the more exact.
        PER_TENSOR: One for the whole layer, which every kernel and accelerator can read.
    """

    PER_CHANNEL = "per-channel"
    PER_TENSOR = "per-tensor"
