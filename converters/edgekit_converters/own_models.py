"""Parses models that edgekit itself has just made."""

from __future__ import annotations

from edgekit_runtime.errors import ConversionError, ModelFileError
from edgekit_runtime.tflite.tflite_model import TfliteModel


def parse_own_model(content: bytes, *, step: str) -> TfliteModel:
    """Parse a model that was made by a step of the conversion.

    Args:
        content: The .tflite.
        step: The step, in words that follow "edgekit".
    Raises:
        ConversionError: The structure check rejects the model. This is a bug in edgekit, not a defect of the user's
            file, so the usual advice to copy the file again would be misleading.
    """
    try:
        return TfliteModel(content)
    except ModelFileError as error:
        raise ConversionError(
            f"edgekit {step}, but the result fails its own check. This is a bug in edgekit; your file is fine.",
            received=error.problem,
            next_step="report this message, with what `edgekit inspect` shows of the source model",
        ) from error


def parse_lowered(content: bytes) -> TfliteModel:
    """:func:`parse_own_model` for a float model made by lowering."""
    return parse_own_model(content, step="has lowered the model to TFLite")


def parse_quantized(content: bytes) -> TfliteModel:
    """:func:`parse_own_model` for a model made by quantization."""
    return parse_own_model(content, step="has quantized the model")
