"""Predictions of a Keras model in memory."""

from __future__ import annotations

from typing import Any

import numpy as np

#: Examples per call: enough to keep two cores busy, few enough to fit in memory with large images.
_BATCH = 256


def keras_predict(model: Any, inputs: np.ndarray) -> np.ndarray:
    """Run a loaded Keras model.

    Args:
        model: ``keras.Model`` with one input and one output.
        inputs: Model inputs, shape (N, ...).
    Returns:
        float32 (N, ...).
    """
    return np.asarray(model.predict(inputs, batch_size=_BATCH, verbose=0), np.float32)
