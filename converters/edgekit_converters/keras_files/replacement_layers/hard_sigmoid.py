"""An activation whose meaning has changed since Keras 2."""

from __future__ import annotations

from typing import Any

import keras  # noqa: TID253
from keras import ops  # noqa: TID253

_register = keras.saving.register_keras_serializable(package="edgekit")


@_register
def hard_sigmoid_keras2(x: Any) -> Any:
    """Compute ``clip(0.2 x + 0.5, 0, 1)``, which was ``hard_sigmoid`` until Keras 2."""
    return ops.clip(0.2 * x + 0.5, 0.0, 1.0)
