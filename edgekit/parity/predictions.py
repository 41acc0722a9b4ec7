"""What a model answers, whatever its format."""

from __future__ import annotations

from typing import Any

import numpy as np

#: Examples a call: enough to keep both cores busy, few enough to stay out of the way of large pictures.
_BATCH = 256


def keras_predict(model: Any, inputs: np.ndarray) -> np.ndarray:
    """The outputs of a Keras model that is already loaded.

    Args:
        model: ``keras.Model`` with one input and one output.
        inputs: Shape (N, ...), as the model takes them.
    Returns:
        float32 (N, ...).
    """
    return np.asarray(model.predict(inputs, batch_size=_BATCH, verbose=0), np.float32)
