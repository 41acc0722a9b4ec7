"""The batch size of a lowered model: dynamic if possible, 1 if a layer or a runtime needs it fixed."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from edgekit_runtime.errors import ConversionError
from edgekit_runtime.tflite.tflite_model import TfliteModel


def lower_with_batch(lower: Callable[[int | None], TfliteModel], *, fixed: bool) -> tuple[TfliteModel, str]:
    """Lower a model with a dynamic batch, or with a batch of 1.

    Args:
        lower: Lowers the model with the batch size that it is given; None is a dynamic one.
        fixed: Do not try a dynamic batch.
    Returns:
        The model, and "dynamic" or "1".
    Raises:
        ConversionError: The model has no form in TFLite's builtin operators.
    """
    if not fixed:
        # If a dynamic batch has no form, a fixed one may have: its error is the one to report.
        with contextlib.suppress(ConversionError):
            return lower(None), "dynamic"
    return lower(1), "1"
