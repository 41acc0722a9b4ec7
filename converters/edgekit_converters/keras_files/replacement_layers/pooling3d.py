"""3D pooling as two 2D poolings."""

from __future__ import annotations

from typing import Any

import keras  # noqa: TID253
from keras import ops  # noqa: TID253

_register = keras.saving.register_keras_serializable(package="edgekit")


@_register
class Pooling3D(keras.layers.Layer):
    """Pools rows and columns of every slice, then the depth of every column: maximum and mean are separable.

    At an edge, the mean of a window covers only values inside the tensor. These always form a box of rows, columns and
    slices, so the mean of means is exact there, too.

    Args:
        method: "max" or "average".
        pool_size: Depth, rows and columns of the window, or one number for all.
        strides: Depth, rows and columns of the steps, likewise; None uses the window's size.
        padding: "valid" or "same".
    """

    def __init__(
        self, method: str, pool_size: Any = 2, strides: Any = None, padding: str = "valid", **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.method, self.padding = method, padding
        self.pool_size = _triple(pool_size)
        self.strides = self.pool_size if strides is None else _triple(strides)

    def call(self, inputs: Any) -> Any:
        depth, rows, columns, channels = inputs.shape[1:]
        slices = self._pooled(ops.reshape(inputs, (-1, rows, columns, channels)), slice(1, 3))
        rows, columns = slices.shape[1:3]
        flat = self._pooled(ops.reshape(slices, (-1, depth, rows * columns, channels)), slice(0, 1))
        return ops.reshape(flat, (-1, flat.shape[1], rows, columns, channels))

    def _pooled(self, inputs: Any, axes: slice) -> Any:
        pool = ops.max_pool if self.method == "max" else ops.average_pool
        size, strides = [(*triple[axes], 1)[:2] for triple in (self.pool_size, self.strides)]
        return pool(inputs, size, strides, self.padding, data_format="channels_last")

    def get_config(self) -> dict[str, Any]:
        own = {"method": self.method, "pool_size": self.pool_size, "strides": self.strides, "padding": self.padding}
        return {**super().get_config(), **own}


def _triple(value: Any) -> tuple[int, ...]:
    depth, rows, columns = (value, value, value) if isinstance(value, int) else value
    return depth, rows, columns
