"""Convolutions with a separate kernel at each position, which Keras 3 no longer has."""

from __future__ import annotations

import math
from typing import Any

import keras  # noqa: TID253
from keras import ops  # noqa: TID253

_register = keras.saving.register_keras_serializable(package="edgekit")


class _LocallyConnected(keras.layers.Layer):
    """Base of both layers: gathers the patch of each position, then multiplies it by that position's kernel.

    Args:
        filters: Number of output channels.
        kernel_size: Size of the patch along each spatial axis.
        strides: Step along each spatial axis.
        activation: Activation after the bias.
        use_bias: Whether each position and channel has a bias.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        activation: Any = None,
        use_bias: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.filters, self.use_bias = filters, use_bias
        self.kernel_size, self.strides = _as_tuple(kernel_size, self.rank), _as_tuple(strides, self.rank)
        self.activation = keras.activations.get(activation)

    def build(self, input_shape: Any) -> None:
        sizes = zip(input_shape[1:-1], self.kernel_size, self.strides, strict=True)
        self.places = tuple((size - kernel) // stride + 1 for size, kernel, stride in sizes)
        patch = math.prod(self.kernel_size) * input_shape[-1]
        self.kernel = self.add_weight(shape=(math.prod(self.places), patch, self.filters), name="kernel")
        if self.use_bias:
            self.bias = self.add_weight(shape=(*self.places, self.filters), name="bias")

    def call(self, inputs: Any) -> Any:
        # A convolution with an identity kernel extracts the patches, using builtin operators.
        patch = self.kernel.shape[1]
        identity = ops.reshape(ops.eye(patch), (*self.kernel_size, inputs.shape[-1], patch))
        patches = ops.reshape(ops.conv(inputs, identity, strides=self.strides), (-1, math.prod(self.places), patch))
        outputs = ops.transpose(ops.matmul(ops.transpose(patches, (1, 0, 2)), self.kernel), (1, 0, 2))
        outputs = ops.reshape(outputs, (-1, *self.places, self.filters))
        return self.activation(outputs + self.bias if self.use_bias else outputs)

    def get_config(self) -> dict[str, Any]:
        own = {
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "activation": keras.activations.serialize(self.activation),
            "use_bias": self.use_bias,
        }
        return {**super().get_config(), **own}


@_register
class LocallyConnected1D(_LocallyConnected):
    """One spatial axis; input ``(batch, length, channels)``."""

    rank = 1


@_register
class LocallyConnected2D(_LocallyConnected):
    """Two spatial axes; input ``(batch, rows, columns, channels)``."""

    rank = 2


def _as_tuple(value: Any, rank: int) -> tuple[int, ...]:
    return (value,) * rank if isinstance(value, int) else tuple(value)
