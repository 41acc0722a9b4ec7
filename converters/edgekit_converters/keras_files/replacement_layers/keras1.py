"""Layers with weights that exist only in Keras 1."""

from __future__ import annotations

from typing import Any

import keras  # noqa: TID253
from keras import ops  # noqa: TID253

_register = keras.saving.register_keras_serializable(package="edgekit")


@_register
class MaxoutDense(keras.layers.Layer):
    """The largest of several dense layers' outputs.

    Args:
        units: Size of the output.
        nb_feature: Number of dense layers.
        use_bias: Whether they add a bias.
    """

    def __init__(self, units: int, nb_feature: int = 4, use_bias: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units, self.nb_feature, self.use_bias = units, nb_feature, use_bias

    def build(self, input_shape: Any) -> None:
        self.kernel = self.add_weight(shape=(self.nb_feature, input_shape[-1], self.units), name="kernel")
        self.bias = self.add_weight(shape=(self.nb_feature, self.units), name="bias") if self.use_bias else None

    def call(self, inputs: Any) -> Any:
        # One product for all dense layers: (batch, inputs) by (inputs, features × units).
        kernel = ops.reshape(ops.transpose(self.kernel, (1, 0, 2)), (-1, self.nb_feature * self.units))
        outputs = ops.reshape(ops.matmul(inputs, kernel), (-1, self.nb_feature, self.units))
        return ops.max(outputs if self.bias is None else outputs + self.bias, axis=1)

    def get_config(self) -> dict[str, Any]:
        own = {"units": self.units, "nb_feature": self.nb_feature, "use_bias": self.use_bias}
        return {**super().get_config(), **own}


@_register
class Highway(keras.layers.Layer):
    """A dense layer with a gate that passes part of the input through.

    Args:
        activation: Activation of the dense layer.
        use_bias: Whether layer and gate add a bias.
    """

    def __init__(self, activation: Any = None, use_bias: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.activation, self.use_bias = keras.activations.get(activation), use_bias

    def build(self, input_shape: Any) -> None:
        size = input_shape[-1]
        self.kernel = self.add_weight(shape=(size, size), name="kernel")
        self.gate_kernel = self.add_weight(shape=(size, size), name="gate_kernel")
        if self.use_bias:
            self.bias = self.add_weight(shape=(size,), name="bias")
            self.gate_bias = self.add_weight(shape=(size,), name="gate_bias")

    def call(self, inputs: Any) -> Any:
        gate = ops.matmul(inputs, self.gate_kernel)
        outputs = ops.matmul(inputs, self.kernel)
        if self.use_bias:
            gate, outputs = gate + self.gate_bias, outputs + self.bias
        gate = ops.sigmoid(gate)
        return gate * self.activation(outputs) + (1.0 - gate) * inputs

    def get_config(self) -> dict[str, Any]:
        own = {"activation": keras.activations.serialize(self.activation), "use_bias": self.use_bias}
        return {**super().get_config(), **own}


@_register
class ParametricSoftplus(keras.layers.Layer):
    """``alpha * softplus(beta * x)`` with learned ``alpha`` and ``beta``.

    Args:
        shared_axes: Axes along which these are shared, counted from 1.
    """

    def __init__(self, shared_axes: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.shared_axes = shared_axes

    def build(self, input_shape: Any) -> None:
        shape = _parameter_shape(input_shape, self.shared_axes)
        self.alpha = self.add_weight(shape=shape, name="alpha")
        self.beta = self.add_weight(shape=shape, name="beta")

    def call(self, inputs: Any) -> Any:
        return self.alpha * ops.softplus(self.beta * inputs)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "shared_axes": self.shared_axes}


@_register
class SReLU(keras.layers.Layer):
    """Three lines joined at two learned thresholds.

    Args:
        shared_axes: Axes along which thresholds and slopes are shared, counted from 1.
    """

    def __init__(self, shared_axes: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.shared_axes = shared_axes

    def build(self, input_shape: Any) -> None:
        shape = _parameter_shape(input_shape, self.shared_axes)
        self.left, self.left_slope, self.right, self.right_slope = (
            self.add_weight(shape=shape, name=name) for name in ("left", "left_slope", "right", "right_slope")
        )

    def call(self, inputs: Any) -> Any:
        right = self.left + ops.abs(self.right)
        shifted = inputs - self.left
        middle = ops.minimum(ops.relu(shifted), right - self.left) - self.left_slope * ops.relu(-shifted)
        return self.left + middle + self.right_slope * ops.relu(inputs - right)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "shared_axes": self.shared_axes}


def _parameter_shape(input_shape: Any, shared_axes: Any) -> tuple[int, ...]:
    return tuple(1 if axis in (shared_axes or ()) else size for axis, size in enumerate(input_shape) if axis)
