"""A layer that returns a mask as a tensor."""

from __future__ import annotations

from typing import Any

import keras  # noqa: TID253
from keras import ops  # noqa: TID253

_register = keras.saving.register_keras_serializable(package="edgekit")


@_register
class TakeMask(keras.layers.Layer):
    """Returns its input's mask, shape ``(batch, time)``; all true if there is none."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True

    def call(self, inputs: Any, mask: Any = None) -> Any:
        return ops.any(ops.ones_like(inputs, dtype="bool"), axis=-1) if mask is None else mask

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        return None
