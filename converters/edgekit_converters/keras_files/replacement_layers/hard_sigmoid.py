"""An activation that changed its meaning."""

from __future__ import annotations

from typing import Any

import keras  # noqa: TID253
from keras import ops  # noqa: TID253

_register = keras.saving.register_keras_serializable(package="edgekit")


@_register
def hard_sigmoid_keras2(x: Any) -> Any:
    """``clip(0.2 x + 0.5, 0, 1)``: ``hard_sigmoid`` as it was until Keras 2."""
    return ops.clip(0.2 * x + 0.5, 0.0, 1.0)
