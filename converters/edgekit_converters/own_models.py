"""Models that edgekit itself has just made."""

from __future__ import annotations

from edgekit_runtime.errors import ConversionError, ModelFileError
from edgekit_runtime.tflite.description import ModelDescription
from edgekit_runtime.tflite.structure import read_model_description


def describe_own_model(model: bytes, *, step: str) -> ModelDescription:
    """Describe a model that a step of the conversion has made.

    Args:
        model: The .tflite.
        step: What made it, in words that follow "edgekit".
    Raises:
        ConversionError: The structure check refuses it. That is a fault of edgekit, not of the user's file, and the
            advice to copy the file again would lead nowhere.
    """
    try:
        return read_model_description(model)
    except ModelFileError as error:
        raise ConversionError(
            f"edgekit {step}, and its own check refuses the result. This is a fault of edgekit; your file is sound.",
            received=error.problem,
            next_step="report this message, with what `edgekit inspect` shows of the source model",
        ) from error
