"""Which tool makes which mode, and why: one table."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from edgekit_converters.quantization.modes import Mode


@dataclass(frozen=True, slots=True)
class QuantizationPath:
    """How a mode is made of a lowered model.

    Attributes:
        tool: What makes it.
        algorithm: How weights become smaller; empty where they do not.
        reason: Why this way and not the other: what was measured on the published Keras files.
    """

    tool: str
    algorithm: str
    reason: str

    def to_dict(self) -> dict[str, str]:
        """The fields as plain values."""
        return asdict(self)

    def __str__(self) -> str:
        return f"{self.tool}{f', {self.algorithm}' if self.algorithm else ''}: {self.reason}"


_QUANTIZER = "litert-quantizer on the float .tflite"
#: Every mode starts from the float32 model that the TensorFlow converter lowers once.
PATHS = {
    Mode.NONE: QuantizationPath("TensorFlow converter", "", "the lowered model as it is"),
    Mode.FLOAT16: QuantizationPath(_QUANTIZER, "cast to float16", "one lowering serves all modes"),
    Mode.DYNAMIC: QuantizationPath(
        _QUANTIZER, "min/max", "one lowering serves all modes, and weights can have one scale a channel or one in all"
    ),
    Mode.INT8: QuantizationPath(
        _QUANTIZER, "min/max", "single operators can stay in float, and loops keep their activations in float"
    ),
    Mode.INT16X8: QuantizationPath(
        _QUANTIZER,
        "min/max",
        "the TensorFlow converter crashes on recurrent and separable layers; where it does not, the errors are equal",
    ),
    Mode.INT4: QuantizationPath(
        _QUANTIZER,
        "least squares",
        "min/max leaves 15 steps to the widest weight; the TensorFlow converter has no 4 bits",
    ),
}
