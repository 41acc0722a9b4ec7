"""The batch size of a lowered model: dynamic if possible, 1 if a layer or a runtime needs it fixed."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from edgekit_runtime.errors import ConversionError
from edgekit_runtime.tflite.tflite_model import TfliteModel


def lower_with_batch(lower: Callable[[int | None], TfliteModel], *, fixed: bool) -> tuple[TfliteModel, str]:
    """Lower a model with a dynamic batch, or with a batch of 1 if that fails.

    Args:
        lower: Lowers the model with the given batch size; None means a dynamic one.
        fixed: Do not try a dynamic batch.
    Returns:
        The model, and "dynamic" or "1".
    Raises:
        ConversionError: The model cannot be expressed with TFLite's builtin operators.
    """
    if not fixed:
        # A model that cannot have a dynamic batch may have a fixed one: report the error of the fixed one.
        with contextlib.suppress(ConversionError):
            return lower(None), "dynamic"
    return lower(1), "1"
