"""The quantization modes: one record for each, from which choices, help texts and tables are generated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any


class IoType(str, Enum):
    """Type of the model's inputs and outputs."""

    FLOAT32 = "float32"
    INT8 = "int8"
    UINT8 = "uint8"
    INT16 = "int16"


class Scheme(str, Enum):
    """How many scales the weights of a layer have.

    Attributes:
        PER_CHANNEL: One for each output channel, which is more precise.
        PER_TENSOR: One for the whole layer, which every kernel and accelerator can read.
    """

    PER_CHANNEL = "per-channel"
    PER_TENSOR = "per-tensor"


@dataclass(frozen=True, slots=True)
class QuantizationPath:
    """How the model of a mode is made from a lowered model.

    Attributes:
        tool: The tool that makes it.
        algorithm: How weights become smaller; empty if they do not.
        reason: Why this tool and not the other: what was measured on the published Keras files.
    """

    tool: str
    algorithm: str
    reason: str

    def to_dict(self) -> dict[str, str]:
        """Return the fields as plain values."""
        return asdict(self)

    def __str__(self) -> str:
        return f"{self.tool}{f', {self.algorithm}' if self.algorithm else ''}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """The numeric types that a model computes with.

    Attributes:
        name: Name in the manifest.
        golden_floor: How far the output of a correct interpreter may be from a golden example, as a share of the
            output's largest value.
    """

    name: str
    golden_floor: float


@dataclass(frozen=True, slots=True)
class ModeRecord:
    """All facts about a mode. No field has a default, so that none can be forgotten.

    Attributes:
        name: Value of ``--quantize``.
        help: What becomes smaller, for the help of ``edgekit convert``.
        summary: Purpose, for the table in the guide.
        path: How the model is made from the lowered float32 model.
        weight_bits: Bits of a weight.
        activation_bits: Bits of an activation; None leaves activations in float. Integer activations need data on
            which to measure their ranges.
        arithmetic: Numeric types that models of this mode compute with.
        io_types: Possible types of inputs and outputs; float32 first.
        auto_rank: Position among the candidates of ``--quantize auto``, the simplest first.
        in_all: Whether ``--all`` writes it.
        unfit_targets: Targets that cannot run models of this mode, with the reason.
    """

    name: str
    help: str
    summary: str
    path: QuantizationPath
    weight_bits: int
    activation_bits: int | None
    arithmetic: Arithmetic
    io_types: tuple[IoType, ...]
    auto_rank: int
    in_all: bool
    unfit_targets: Mapping[str, str]


# Largest deviations measured on nine published models, LiteRT 2.3 against tflite-runtime 2.14: float32 and float16
# 5e-7, int8 0.02 (two steps of 1/256 in most models, five in one), dynamic 0.045. Wrong predictions are 0.2 to 1 away.
_FLOAT32 = Arithmetic("float32", golden_floor=1e-3)
_FLOAT16 = Arithmetic("float16", golden_floor=1e-2)
_DYNAMIC = Arithmetic("dynamic", golden_floor=0.08)
_INT8 = Arithmetic("int8", golden_floor=0.02)
_INT16 = Arithmetic("int16", golden_floor=1e-2)

_QUANTIZER = "litert-quantizer on the float .tflite"
_NO_HYBRIDS = "its kernels take float activations with float weights only"
_NO_INT4 = "it reads 4-bit weights incorrectly, rejects them or crashes"


class Mode(str, Enum):
    """How weights and activations are stored and computed.

    Every mode starts from the float32 model that the TensorFlow converter lowers once.

    Attributes:
        NONE: float32 weights and activations.
        FLOAT16: float16 weights, float32 arithmetic.
        DYNAMIC: int8 weights; activations are float32 and quantized on the fly.
        INT8: int8 weights and activations; needs a representative dataset.
        INT16X8: int8 weights, int16 activations; needs a representative dataset.
        INT4: 4-bit weights of dense, convolution and embedding layers, int8 weights of the others; activations as in
            ``DYNAMIC``.
    """

    record: ModeRecord

    # Any: mypy takes the look-up Mode("int8") for a call of this method.
    def __new__(cls, record: Any) -> Mode:
        """Make a member: its name as a string, with its record."""
        mode = str.__new__(cls, record.name)
        mode._value_ = record.name
        mode.record = record
        return mode

    NONE = ModeRecord(
        name="none",
        help="none (float32)",
        summary="nothing: float32",
        path=QuantizationPath("TensorFlow converter", "", "the lowered model as it is"),
        weight_bits=32,
        activation_bits=None,
        arithmetic=_FLOAT32,
        io_types=(IoType.FLOAT32,),
        auto_rank=0,
        in_all=True,
        unfit_targets={},
    )
    FLOAT16 = ModeRecord(
        name="float16",
        help="float16 weights",
        summary="weights, half the size",
        path=QuantizationPath(_QUANTIZER, "cast to float16", "one lowering serves all modes"),
        weight_bits=16,
        activation_bits=None,
        arithmetic=_FLOAT16,
        io_types=(IoType.FLOAT32,),
        auto_rank=1,
        in_all=True,
        unfit_targets={"tflite-micro": "it has no 16-bit floats"},
    )
    DYNAMIC = ModeRecord(
        name="dynamic",
        help="int8 weights (dynamic)",
        summary="weights to int8, unless that is slower; activations on the fly",
        path=QuantizationPath(
            _QUANTIZER,
            "min/max",
            "one lowering serves all modes, and weights can have one scale per channel or one for the whole tensor",
        ),
        weight_bits=8,
        activation_bits=None,
        arithmetic=_DYNAMIC,
        io_types=(IoType.FLOAT32,),
        auto_rank=2,
        in_all=True,
        unfit_targets={"tflite-micro": _NO_HYBRIDS},
    )
    INT8 = ModeRecord(
        name="int8",
        help="all int8",
        summary="weights and activations; recurrent loops keep float activations",
        path=QuantizationPath(
            _QUANTIZER, "min/max", "single operators can stay in float, and loops keep their activations in float"
        ),
        weight_bits=8,
        activation_bits=8,
        arithmetic=_INT8,
        io_types=(IoType.FLOAT32, IoType.INT8, IoType.UINT8),
        auto_rank=4,
        in_all=True,
        unfit_targets={},
    )
    INT16X8 = ModeRecord(
        name="int16x8",
        help="int8 weights with int16 activations (int16x8)",
        summary=(
            "int8 weights, int16 activations: for sound and other wide ranges; slow on LiteRT, which has no "
            "fast kernels"
        ),
        path=QuantizationPath(
            _QUANTIZER,
            "min/max",
            "the TensorFlow converter crashes on recurrent and separable layers; where it does not, the errors are "
            "equal",
        ),
        weight_bits=8,
        activation_bits=16,
        arithmetic=_INT16,
        io_types=(IoType.FLOAT32, IoType.INT16),
        auto_rank=3,
        in_all=False,
        unfit_targets={},
    )
    INT4 = ModeRecord(
        name="int4",
        help="4-bit weights (int4)",
        summary="weights to 4 bits: an eighth of the size, and slower; ask for a budget with it",
        path=QuantizationPath(
            _QUANTIZER,
            "least squares",
            "min/max leaves 15 steps to the widest weight; the TensorFlow converter has no 4 bits",
        ),
        weight_bits=4,
        activation_bits=None,
        arithmetic=_DYNAMIC,
        io_types=(IoType.FLOAT32,),
        auto_rank=5,
        in_all=False,
        unfit_targets={
            **dict.fromkeys(("tflite-runtime-2.14", "tflite-c-2.17", "tflite-runtime-2.5"), _NO_INT4),
            "tflite-micro": _NO_HYBRIDS,
        },
    )

    @property
    def needs_calibration(self) -> bool:
        """Whether the ranges of the activations have to be measured on real data."""
        return self.record.activation_bits is not None

    @property
    def io_types(self) -> tuple[IoType, ...]:
        """Possible types of inputs and outputs; float32 first."""
        return self.record.io_types


def modes_by_rank() -> tuple[Mode, ...]:
    """The modes that ``--quantize auto`` chooses from, the simplest first."""
    return tuple(sorted(Mode, key=lambda mode: mode.record.auto_rank))
