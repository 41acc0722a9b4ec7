"""A layer that computes an arithmetic expression given as data."""

from __future__ import annotations

import math
from typing import Any

import keras  # noqa: TID253
from keras import ops  # noqa: TID253

from edgekit_converters.keras_files.description_bounds import require_few_parts
from edgekit_converters.keras_files.lambda_code.expressions import OPERATIONS
from edgekit_converters.keras_files.replacement_layers.hard_sigmoid import hard_sigmoid_keras2

_register = keras.saving.register_keras_serializable(package="edgekit")


@_register
class Expression(keras.layers.Layer):
    """Computes an expression of its inputs; see ``expressions`` for its form.

    Args:
        expression: Numbers, inputs and calls of ``OPERATIONS``.
    """

    def __init__(self, expression: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.expression = expression
        self.supports_masking = True

    def call(self, inputs: Any) -> Any:
        return _evaluate(self.expression, inputs)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        # As with TensorFlow's calls, masks are not passed on.
        return None

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "expression": self.expression}


def _evaluate(expression: Any, inputs: Any) -> Any:
    if isinstance(expression, (list, tuple)):
        return [_evaluate(part, inputs) for part in expression]
    if not isinstance(expression, dict):
        return expression
    if "input" in expression:
        number = expression["input"]
        if number is None:
            return inputs
        return inputs[number] if isinstance(inputs, (list, tuple)) else inputs
    if "slice" in expression:
        return slice(*expression["slice"])
    if "ellipsis" in expression:
        return Ellipsis
    args = [_evaluate(part, inputs) for part in expression["args"]]
    kwargs = {key: _evaluate(part, inputs) for key, part in expression["kwargs"].items()}
    return _operation(expression["call"])(*args, **kwargs)


def _operation(name: str) -> Any:
    if name not in OPERATIONS:
        raise ValueError(f"Unknown operation: {name}")
    return _OWN_OPERATIONS.get(name) or getattr(ops, name)


def _getitem(x: Any, index: Any) -> Any:
    return x[tuple(index) if isinstance(index, list) else index]


def _resize(x: Any, size: Any, method: str = "bilinear") -> Any:
    return ops.image.resize(x, size, interpolation=method)


def _l2_normalize(x: Any, axis: Any = None, epsilon: float = 1e-12) -> Any:
    return x * ops.rsqrt(ops.maximum(ops.sum(ops.square(x), axis=axis, keepdims=True), epsilon))


def _split(x: Any, sizes: Any, axis: int = 0) -> Any:
    if isinstance(sizes, list):
        sizes = [sum(sizes[: number + 1]) for number in range(len(sizes) - 1)]
    require_few_parts(len(sizes) + 1 if isinstance(sizes, list) else sizes)
    return ops.split(x, sizes, axis=axis)


def _unstack(x: Any, num: int | None = None, axis: int = 0) -> Any:
    require_few_parts(num or x.shape[axis] or 0)
    return ops.unstack(x, num=num, axis=axis)


def _matmul(x1: Any, x2: Any, transpose_a: bool = False, transpose_b: bool = False) -> Any:
    return ops.matmul(ops.swapaxes(x1, -1, -2) if transpose_a else x1, ops.swapaxes(x2, -1, -2) if transpose_b else x2)


def _pad(x: Any, pad_width: Any, mode: str = "constant", constant_values: Any = None) -> Any:
    mode = mode.lower()
    return ops.pad(x, pad_width, mode=mode, constant_values=(constant_values or 0) if mode == "constant" else None)


def _squared_difference(x1: Any, x2: Any) -> Any:
    return ops.square(x1 - x2)


def _take(x: Any, indices: Any, axis: Any = 0) -> Any:
    return ops.take(x, indices, axis=axis)


def _concatenate(xs: Any, axis: int = -1) -> Any:
    return ops.concatenate(xs, axis=axis)


def _one_hot(x: Any, num_classes: int, axis: int = -1, dtype: Any = None) -> Any:
    return ops.one_hot(ops.cast(x, "int32"), num_classes, axis=axis, dtype=dtype)


def _space_to_depth(x: Any, block_size: int) -> Any:
    import tensorflow as tf

    return tf.nn.space_to_depth(x, block_size)


def _depth_to_space(x: Any, block_size: int) -> Any:
    import tensorflow as tf

    return tf.nn.depth_to_space(x, block_size)


def _batch_flatten(x: Any) -> Any:
    return ops.reshape(x, (-1, math.prod(x.shape[1:])))


_OWN_OPERATIONS: dict[str, Any] = {
    "getitem": _getitem,
    "resize": _resize,
    "l2_normalize": _l2_normalize,
    "split": _split,
    "unstack": _unstack,
    "matmul": _matmul,
    "pad": _pad,
    "squared_difference": _squared_difference,
    "take": _take,
    "concatenate": _concatenate,
    "one_hot": _one_hot,
    "space_to_depth": _space_to_depth,
    "depth_to_space": _depth_to_space,
    "batch_flatten": _batch_flatten,
    "bias_add": ops.add,
    "hard_sigmoid_keras2": hard_sigmoid_keras2,
}
