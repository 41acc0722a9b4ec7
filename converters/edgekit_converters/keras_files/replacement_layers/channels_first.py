"""A wrapper that runs a channels-last layer on channels-first tensors."""

from __future__ import annotations

from typing import Any

import keras  # noqa: TID253
from keras import ops  # noqa: TID253

from edgekit_converters.keras_files.wrapper_layers import channels_axis

_register = keras.saving.register_keras_serializable(package="edgekit")


@_register
class ChannelsFirst(keras.layers.Wrapper):
    """Runs a channels-last layer on channels-first tensors, between two transposes."""

    def build(self, input_shape: Any = None) -> None:
        self.layer.build(_moved(tuple(input_shape), self._channels_axis(len(input_shape))))
        self.built = True

    def call(self, inputs: Any) -> Any:
        rank = len(inputs.shape)
        channels = self._channels_axis(rank)
        outputs = self.layer(ops.transpose(inputs, _moved(tuple(range(rank)), channels)))
        rank = len(outputs.shape)
        if rank == 2:  # After a global pooling, only the channels are left.
            return outputs
        channels = self._channels_axis(rank)
        return ops.transpose(outputs, [*range(channels), rank - 1, *range(channels, rank - 1)])

    def _channels_axis(self, rank: int) -> int:
        return channels_axis(rank, type(self.layer).__name__)


def _moved(axes: tuple[Any, ...], channels: int) -> tuple[Any, ...]:
    """Move the channels to the end of ``axes``."""
    return (*axes[:channels], *axes[channels + 1 :], axes[channels])
