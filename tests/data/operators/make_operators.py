"""Makes ``operators.tar.xz``: a small .tflite for each builtin operator that TensorFlow 2.21's converter writes.

    python tests/data/operators/make_operators.py

Each case is one TensorFlow function, converted with fixed sizes, with an open first axis, and, if it works on floats,
in each of the converter's quantized modes. The entries of the zip are named ``case/mode.tflite``. The operators that no
case made are printed. It takes some minutes; the zip is committed.
"""

from __future__ import annotations

import io
import sys
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from ai_edge_litert import schema_py_generated as schema

ARCHIVE = Path(__file__).resolve().parent / "operators.tar.xz"
IMAGE = (1, 4, 4, 4)
#: Cases whose calibration crashes the converter.
NOT_CALIBRATED = ("map_fn", "lstm", "lstm_sequences", "bidirectional_lstm", "gru", "simple_rnn")
Case = tuple[Callable[..., Any], list[tf.TensorSpec]]


def spec(*shape: int | None, dtype: Any = tf.float32) -> tf.TensorSpec:
    return tf.TensorSpec(shape, dtype)


def weights(*shape: int) -> tf.Tensor:
    return tf.constant(np.random.default_rng(1).normal(0, 0.5, shape).astype(np.float32))


def unary() -> Iterator[tuple[str, Case]]:
    functions = {
        "abs": tf.abs,
        "ceil": tf.math.ceil,
        "cos": tf.cos,
        "elu": tf.nn.elu,
        "exp": tf.exp,
        "floor": tf.floor,
        "gelu": tf.nn.gelu,
        "gelu_approximate": lambda x: tf.nn.gelu(x, approximate=True),
        "hard_swish": lambda x: x * tf.nn.relu6(x + 3.0) * (1.0 / 6.0),
        "leaky_relu": tf.nn.leaky_relu,
        "log": lambda x: tf.math.log(x),
        "log_softmax": tf.nn.log_softmax,
        "logistic": tf.sigmoid,
        "neg": tf.negative,
        "relu": tf.nn.relu,
        "relu6": tf.nn.relu6,
        "relu_n1_to_1": lambda x: tf.minimum(tf.maximum(x, -1.0), 1.0),
        "relu_0_to_1": lambda x: tf.minimum(tf.maximum(x, 0.0), 1.0),
        "round": tf.round,
        "rsqrt": tf.math.rsqrt,
        "sign": tf.sign,
        "sin": tf.sin,
        "softmax": tf.nn.softmax,
        "sqrt": tf.sqrt,
        "square": tf.square,
        "tanh": tf.tanh,
        "zeros_like": lambda x: tf.zeros_like(x) + x * 0.0,
        "softplus": tf.math.softplus,
        "swish": tf.nn.swish,
        "reciprocal": tf.math.reciprocal,
        "l2_normalization": lambda x: tf.nn.l2_normalize(x, -1),
        "local_response_normalization": lambda x: tf.nn.local_response_normalization(x, 2),
        "cast_int32": lambda x: tf.cast(x, tf.int32),
        "cast_bool": lambda x: tf.cast(x, tf.bool),
        "cast_int64": lambda x: tf.cast(x, tf.int64),
        "cast_float16": lambda x: tf.cast(x, tf.float16),
        "cast_float64": lambda x: tf.cast(x, tf.float64),
        "cast_int16": lambda x: tf.cast(x, tf.int16),
        "cast_uint8": lambda x: tf.cast(x, tf.uint8),
        "shape": lambda x: tf.shape(x),
        "shape_int64": lambda x: tf.shape(x, tf.int64),
        "rank": lambda x: tf.rank(x),
        "reverse_v2": lambda x: tf.reverse(x, [1]),
        "cumsum": lambda x: tf.cumsum(x, 1),
        "cumsum_reverse": lambda x: tf.cumsum(x, 1, exclusive=True, reverse=True),
        "complex_abs": lambda x: tf.abs(tf.signal.rfft(x)),
        "real": lambda x: tf.math.real(tf.signal.rfft(x)),
        "imag": lambda x: tf.math.imag(tf.signal.rfft(x)),
        "rfft2d": lambda x: tf.math.real(tf.signal.rfft2d(x)),
        "fake_quant": lambda x: tf.quantization.fake_quant_with_min_max_args(x, -1.0, 1.0, num_bits=8),
        "bitcast": lambda x: tf.bitcast(x, tf.int32),
        "isnan": tf.math.is_nan,
        "identity": lambda x: tf.identity(x) + 0.0,
        "bucketize": lambda x: tf.raw_ops.Bucketize(input=x, boundaries=[-1.0, 0.0, 0.5, 2.0]),
    }
    for name, function in functions.items():
        yield name, (function, [spec(*IMAGE)])
    for name in ("tanh", "logistic", "softmax", "relu", "l2_normalization", "rsqrt", "sum_scalar"):
        function = functions.get(name, lambda x: tf.reduce_sum(x))
        yield f"{name}_rank2", (function, [spec(1, 6)])
    yield "logical_not", (tf.logical_not, [spec(2, 3, dtype=tf.bool)])
    yield "prelu", (lambda x: tf.nn.relu(x) - weights(1, 1, 4) * tf.nn.relu(-x), [spec(*IMAGE)])
    yield "tanh_scalar", (tf.tanh, [spec()])


def binary() -> Iterator[tuple[str, Case]]:
    functions = {
        "add": tf.add,
        "sub": tf.subtract,
        "mul": tf.multiply,
        "div": tf.divide,
        "maximum": tf.maximum,
        "minimum": tf.minimum,
        "pow": tf.pow,
        "squared_difference": tf.math.squared_difference,
        "floor_div": tf.math.floordiv,
        "floor_mod": tf.math.floormod,
        "atan2": tf.atan2,
        "equal": tf.equal,
        "not_equal": tf.not_equal,
        "greater": tf.greater,
        "greater_equal": tf.greater_equal,
        "less": tf.less,
        "less_equal": tf.less_equal,
        "add_n": lambda a, b: tf.add_n([a, b, a]),
    }
    shapes = {
        "": (IMAGE, IMAGE),
        "_broadcast": (IMAGE, (4,)),
        "_scalar": (IMAGE, ()),
        "_both": ((2, 1, 3), (1, 4, 1)),
        "_rank5": ((1, 2, 2, 2, 3), (1, 1, 2, 2, 3)),
    }
    for name, function in functions.items():
        for kind, (left, right) in shapes.items():
            if name in ("add_n", "atan2") and kind:
                continue
            yield name + kind, (function, [spec(*left), spec(*right)])
    for name in ("add", "sub", "mul", "div", "floor_div", "floor_mod", "maximum", "minimum", "pow", "equal", "less"):
        yield f"{name}_int32", (functions[name], [spec(2, 3, dtype=tf.int32), spec(2, 3, dtype=tf.int32)])
    for name in ("add", "sub", "mul", "maximum", "equal", "greater"):
        yield f"{name}_int64", (functions[name], [spec(2, 3, dtype=tf.int64), spec(3, dtype=tf.int64)])
    yield "add_constant", (lambda x: x + weights(4), [spec(*IMAGE)])
    yield "add_scalar_constant", (lambda x: x + 0.25, [spec(*IMAGE)])
    yield "logical_and", (tf.logical_and, [spec(2, 3, dtype=tf.bool), spec(3, dtype=tf.bool)])
    yield "logical_or", (tf.logical_or, [spec(2, 3, dtype=tf.bool), spec(3, dtype=tf.bool)])
    yield "bitwise_xor", (tf.bitwise.bitwise_xor, [spec(2, 3, dtype=tf.int32), spec(2, 3, dtype=tf.int32)])
    yield "right_shift", (tf.bitwise.right_shift, [spec(2, 3, dtype=tf.int32), spec(2, 3, dtype=tf.int32)])


def windows() -> Iterator[tuple[str, Case]]:
    for padding in ("SAME", "VALID"):
        end = padding.lower()
        yield f"conv_2d_{end}", (lambda x, p=padding: tf.nn.conv2d(x, weights(3, 3, 4, 6), 2, p), [spec(1, 7, 8, 4)])
        yield (
            f"conv_2d_dilated_{end}",
            (lambda x, p=padding: tf.nn.conv2d(x, weights(3, 3, 4, 6), 1, p, dilations=2), [spec(1, 9, 8, 4)]),
        )
        yield (
            f"conv_2d_grouped_{end}",
            (lambda x, p=padding: tf.nn.conv2d(x, weights(3, 3, 2, 6), 1, p), [spec(1, 7, 8, 4)]),
        )
        yield (
            f"depthwise_conv_2d_{end}",
            (lambda x, p=padding: tf.nn.depthwise_conv2d(x, weights(3, 3, 4, 2), [1, 2, 2, 1], p), [spec(1, 7, 8, 4)]),
        )
        yield (
            f"transpose_conv_{end}",
            (
                lambda x, p=padding: tf.nn.conv2d_transpose(
                    x, weights(3, 3, 6, 4), (1, 8, 8, 6) if p == "SAME" else (1, 9, 9, 6), 2, p
                ),
                [spec(1, 4, 4, 4)],
            ),
        )
        yield f"average_pool_2d_{end}", (lambda x, p=padding: tf.nn.avg_pool2d(x, 3, 2, p), [spec(1, 7, 8, 4)])
        yield f"max_pool_2d_{end}", (lambda x, p=padding: tf.nn.max_pool2d(x, 3, 2, p), [spec(1, 7, 8, 4)])
        yield (
            f"conv_3d_{end}",
            (lambda x, p=padding: tf.nn.conv3d(x, weights(2, 2, 2, 3, 4), [1, 1, 2, 2, 1], p), [spec(1, 4, 4, 4, 3)]),
        )
        yield f"conv_1d_{end}", (lambda x, p=padding: tf.nn.conv1d(x, weights(3, 4, 5), 1, p), [spec(1, 9, 4)])
        yield (
            f"conv_1d_dilated_{end}",
            (lambda x, p=padding: tf.nn.conv1d(x, weights(3, 4, 5), 1, p, dilations=2), [spec(1, 9, 4)]),
        )
    yield (
        "conv_3d_transpose",
        (lambda x: tf.nn.conv3d_transpose(x, weights(2, 2, 2, 5, 3), (1, 4, 4, 4, 5), 2), [spec(1, 2, 2, 2, 3)]),
    )
    yield (
        "conv_bias_relu",
        (lambda x: tf.nn.relu(tf.nn.conv2d(x, weights(1, 1, 4, 6), 1, "SAME") + weights(6)), [spec(*IMAGE)]),
    )
    yield "l2_pool_2d", (lambda x: tf.sqrt(tf.nn.avg_pool2d(tf.square(x), 2, 2, "VALID")), [spec(*IMAGE)])
    yield "fully_connected", (lambda x: tf.matmul(x, weights(6, 5)) + weights(5), [spec(1, 6)])
    yield "fully_connected_large", (lambda x: tf.matmul(x, weights(64, 40)), [spec(1, 64)])
    yield "fully_connected_rank3", (lambda x: tf.tensordot(x, weights(6, 5), 1), [spec(1, 3, 6)])
    yield "fully_connected_one_unit", (lambda x: tf.matmul(x, weights(6, 1)), [spec(1, 6)])
    yield "fully_connected_two_activations", (lambda a, b: tf.matmul(a, b), [spec(3, 6), spec(6, 5)])
    yield "batch_matmul", (lambda a, b: tf.matmul(a, b), [spec(1, 3, 6), spec(1, 6, 5)])
    yield (
        "batch_matmul_transposed",
        (lambda a, b: tf.matmul(a, b, transpose_b=True), [spec(1, 2, 3, 6), spec(1, 2, 5, 6)]),
    )
    yield "batch_matmul_constant", (lambda a: tf.matmul(a, weights(2, 6, 5)), [spec(2, 3, 6)])
    yield "einsum_attention", (lambda q, k: tf.einsum("bthd,bshd->bhts", q, k), [spec(1, 3, 2, 4), spec(1, 5, 2, 4)])
    yield "resize_bilinear", (lambda x: tf.image.resize(x, (7, 6)), [spec(*IMAGE)])
    yield "resize_nearest", (lambda x: tf.image.resize(x, (8, 6), "nearest"), [spec(*IMAGE)])
    yield (
        "resize_half_pixel",
        (lambda x: tf.compat.v1.image.resize_bilinear(x, (8, 8), align_corners=True), [spec(*IMAGE)]),
    )


def moving() -> Iterator[tuple[str, Case]]:
    one = {
        "reshape": lambda x: tf.reshape(x, (1, -1)),
        "reshape_to_scalar": lambda x: tf.reshape(x[0, 0, 0, 0], ()),
        "squeeze": lambda x: tf.squeeze(x[:, :1], [1]),
        "expand_dims": lambda x: tf.expand_dims(x, 1),
        "transpose": lambda x: tf.transpose(x, (0, 3, 1, 2)),
        "pad": lambda x: tf.pad(x, [[0, 0], [1, 2], [0, 1], [0, 0]]),
        "padv2": lambda x: tf.pad(x, [[0, 0], [1, 2], [0, 1], [0, 0]], constant_values=2.0),
        "mirror_pad": lambda x: tf.pad(x, [[0, 0], [1, 2], [0, 1], [0, 0]], "REFLECT"),
        "mirror_pad_symmetric": lambda x: tf.pad(x, [[0, 0], [1, 2], [0, 1], [0, 0]], "SYMMETRIC"),
        "pack": lambda x: tf.stack([x, x, x], 1),
        "unpack": lambda x: tf.unstack(x, axis=1)[1:3],
        "split": lambda x: tf.split(x, 2, 3),
        "split_v": lambda x: tf.split(x, [1, 3], 2),
        "slice": lambda x: tf.slice(x, [0, 1, 1, 0], [1, 2, -1, 4]),
        "strided_slice": lambda x: x[:, 1:4:2, ::-1, 1],
        "strided_slice_newaxis": lambda x: x[:, tf.newaxis, ..., 2],
        "strided_slice_batch": lambda x: x[0],
        "tile": lambda x: tf.tile(x, [1, 2, 1, 3]),
        "gather": lambda x: tf.gather(x, [2, 0], axis=1),
        "gather_scalar": lambda x: tf.gather(x, 2, axis=1),
        "gather_nd": lambda x: tf.gather_nd(x, [[0, 1], [0, 3]]),
        "broadcast_to": lambda x: tf.broadcast_to(x, (3, 4, 4, 4)),
        "fill": lambda x: tf.fill((2, 3), x[0, 0, 0, 0]),
        "one_hot_argmax": lambda x: tf.one_hot(tf.argmax(x, -1), 4),
        "arg_max": lambda x: tf.argmax(x, -1),
        "arg_min": lambda x: tf.argmin(x, 1, output_type=tf.int32),
        "where": lambda x: tf.where(x > 0),
        "select_v2": lambda x: tf.where(x > 0, x, 0.5),
        "select": lambda x: tf.raw_ops.Select(condition=x > 0, x=x, y=x + 1.0),
        "topk_v2": lambda x: tf.nn.top_k(x, 2),
        "unique": lambda x: tf.unique(tf.reshape(x, [-1])),
        "space_to_depth": lambda x: tf.nn.space_to_depth(x, 2),
        "depth_to_space": lambda x: tf.nn.depth_to_space(x, 2),
        "space_to_batch_nd": lambda x: tf.space_to_batch(x, [2, 2], [[0, 0], [0, 0]]),
        "batch_to_space_nd": lambda x: tf.batch_to_space(
            tf.space_to_batch(x, [2, 2], [[0, 0], [0, 0]]) * 2.0, [2, 2], [[0, 0], [0, 0]]
        ),
        "matrix_diag": lambda x: tf.linalg.diag(x[0, 0]),
        "matrix_set_diag": lambda x: tf.linalg.set_diag(x[0], x[0, 0]),
        "mean": lambda x: tf.reduce_mean(x, [1, 2]),
        "mean_keep": lambda x: tf.reduce_mean(x, [1, 2], keepdims=True),
        "mean_all": lambda x: tf.reduce_mean(x),
        "sum": lambda x: tf.reduce_sum(x, -1),
        "sum_all": tf.reduce_sum,
        "reduce_max": lambda x: tf.reduce_max(x, [1]),
        "reduce_min": lambda x: tf.reduce_min(x, [1, 3]),
        "reduce_prod": lambda x: tf.reduce_prod(x, 2),
        "reduce_any": lambda x: tf.reduce_any(x > 0, 1),
        "reduce_all": lambda x: tf.reduce_all(x > 0, [1, 2]),
        "reduce_no_axis": lambda x: tf.reduce_sum(x, []),
        "reverse_sequence": lambda x: tf.reverse_sequence(x, [2], 1, 0),
        "range": lambda x: tf.range(tf.shape(x)[1]),
        "range_float": lambda x: tf.range(x[0, 0, 0, 0], x[0, 0, 0, 0] + 3.5, 1.0),
        "segment_sum": lambda x: tf.math.segment_sum(x[0], [0, 0, 1, 1]),
        "unsorted_segment_sum": lambda x: tf.math.unsorted_segment_sum(x[0], [0, 1, 0, 1], 2),
        "unsorted_segment_max": lambda x: tf.math.unsorted_segment_max(x[0], [0, 1, 0, 1], 2),
        "unsorted_segment_min": lambda x: tf.math.unsorted_segment_min(x[0], [0, 1, 0, 1], 2),
        "unsorted_segment_prod": lambda x: tf.math.unsorted_segment_prod(x[0], [0, 1, 0, 1], 2),
        "scatter_nd": lambda x: tf.scatter_nd([[1], [3]], x[0, :2], [5, 4, 4]),
        "dynamic_update_slice": lambda x: tf.tensor_scatter_nd_update(x[0], [[1]], x[0, :1] * 2.0),
        "xla_dynamic_update_slice": lambda x: _xla().dynamic_update_slice(x, x[:, :1, :1] * 2.0, [0, 1, 1, 0]),
        "sparse_to_dense": lambda x: tf.raw_ops.SparseToDense(
            sparse_indices=[[0, 1], [1, 2]], output_shape=[2, 3], sparse_values=x[0, 0, 0, :2], default_value=0.0
        ),
        "roll": lambda x: tf.roll(x, 1, 1),
        "non_max_suppression": _non_max_suppression,
        "empty_constant": lambda x: tf.concat([tf.reshape(x, (1, -1)), tf.zeros((1, 0))], 1) + 1.0,
        "empty_activation": lambda x: tf.concat([x[:, :0], x], 1),
        "random_uniform": lambda x: x + tf.random.uniform((4,), seed=1),
        "random_normal": lambda x: x + tf.random.normal((4,), seed=1),
        "multinomial": lambda x: tf.random.categorical(x[0, 0], 3, seed=1),
        "quantize_dequantize": lambda x: tf.quantization.fake_quant_with_min_max_vars(x, -3.0, 3.0),
    }
    for name, function in one.items():
        yield name, (function, [spec(*IMAGE)])
    yield "concatenation", (lambda a, b: tf.concat([a, b], -1), [spec(1, 3, 2), spec(1, 3, 4)])
    yield "concatenation_batch", (lambda a, b: tf.concat([a, b], 0), [spec(1, 3), spec(1, 3)])
    yield "broadcast_args", (tf.broadcast_dynamic_shape, [spec(2, dtype=tf.int32), spec(3, dtype=tf.int32)])
    yield "reshape_to_given", (tf.reshape, [spec(2, 6), spec(None, dtype=tf.int32)])
    yield (
        "unknown_rank_chain",
        (
            lambda x, s: tf.concat([tf.tanh(tf.reshape(x, s)), tf.reshape(x, s) * 2.0], -1),
            [spec(2, 6), spec(None, dtype=tf.int32)],
        ),
    )
    yield (
        "unknown_rank_dense",
        (
            lambda x, s: tf.matmul(tf.ensure_shape(tf.nn.relu(tf.reshape(x, s)), (None, 6)), weights(6, 3)),
            [spec(2, 6), spec(None, dtype=tf.int32)],
        ),
    )
    yield "gather_rows", (lambda ids: tf.gather(weights(10, 4), ids), [spec(1, 5, dtype=tf.int32)])
    yield "gather_rows_scalar", (lambda ids: tf.gather(weights(10, 4), ids), [spec(dtype=tf.int32)])
    yield "one_hot", (lambda ids: tf.one_hot(ids, 4), [spec(1, 5, dtype=tf.int32)])
    yield "empty_input", (lambda x: tf.reduce_sum(x, 1), [spec(1, 0)])


def _xla() -> Any:
    from tensorflow.compiler.tf2xla.python import xla

    return xla


def _non_max_suppression(x: tf.Tensor) -> Any:
    boxes, scores = tf.reshape(x, (16, 4)), tf.reshape(x, (4, 16))[0]
    hard = tf.image.non_max_suppression_padded(boxes, scores, 5, pad_to_max_output_size=True)
    soft = tf.raw_ops.NonMaxSuppressionV5(
        boxes=boxes,
        scores=scores,
        max_output_size=5,
        iou_threshold=0.5,
        score_threshold=0.1,
        soft_nms_sigma=0.5,
        pad_to_max_output_size=True,
    )
    return *hard, *soft


def control() -> Iterator[tuple[str, Case]]:
    yield "if", (lambda x: tf.cond(tf.reduce_sum(x) > 0, lambda: tf.tanh(x), lambda: x - 1.0), [spec(1, 6)])
    yield (
        "while",
        (lambda x: tf.while_loop(lambda i, _: i < 3, lambda i, v: (i + 1, v * 0.5 + 1.0), (0, x))[1], [spec(1, 6)]),
    )
    yield (
        "while_growing",
        (
            lambda x: tf.while_loop(
                lambda v: tf.shape(v)[0] < 5,
                lambda v: tf.concat([v, v[:1]], 0),
                (x,),
                shape_invariants=(tf.TensorShape((None, 6)),),
            )[0],
            [spec(1, 6)],
        ),
    )
    yield "map_fn", (lambda x: tf.map_fn(lambda row: tf.reduce_max(row) * row, x), [spec(2, 6)])
    yield (
        "embedding_mean",
        (lambda ids: tf.reduce_mean(tf.nn.embedding_lookup(weights(10, 4), ids), 1), [spec(1, 5, dtype=tf.int32)]),
    )
    yield "string_identity", (lambda s: tf.reshape(s, (1, -1)), [spec(1, 3, dtype=tf.string)])


def keras_models() -> Iterator[tuple[str, Case]]:
    for name, model in layers_of_keras():
        shapes = [spec(1, *tensor.shape[1:]) for tensor in model.inputs]
        # A list of inputs, unless there is one.
        call = model if len(shapes) == 1 else (lambda *inputs, model=model: model(list(inputs)))
        yield name, (call, shapes)


def layers_of_keras() -> Iterator[tuple[str, tf.keras.Model]]:
    layers = tf.keras.layers
    tf.keras.utils.set_random_seed(1)
    yield "lstm", tf.keras.Sequential([layers.Input((5, 3)), layers.LSTM(4)])
    yield "lstm_sequences", tf.keras.Sequential([layers.Input((5, 3)), layers.LSTM(4, return_sequences=True)])
    yield "bidirectional_lstm", tf.keras.Sequential([layers.Input((5, 3)), layers.Bidirectional(layers.LSTM(4))])
    yield "gru", tf.keras.Sequential([layers.Input((5, 3)), layers.GRU(4)])
    yield "simple_rnn", tf.keras.Sequential([layers.Input((5, 3)), layers.SimpleRNN(4)])
    query, value = layers.Input((4, 6)), layers.Input((5, 6))
    yield "attention", tf.keras.Model([query, value], layers.MultiHeadAttention(2, 3)(query, value))
    x = layers.Input((32,))
    h = layers.Dense(32, "swish")(x)
    gate = layers.Dense(1, "sigmoid")(layers.Dense(8, "tanh")(h))
    scores = layers.Softmax(axis=1)(layers.Dot(axes=2)([layers.Reshape((4, 8))(h), layers.Reshape((4, 8))(h)]))
    yield "dot_softmax", tf.keras.Model(x, [layers.Multiply()([h, gate]), scores])


class Variables(tf.Module):
    """A counter and a table: variables that a signature reads and writes, and one that starts from constants."""

    def __init__(self) -> None:
        super().__init__()
        self.total = tf.Variable(tf.zeros((1, 3)))

    @tf.function(input_signature=[tf.TensorSpec((1, 3))])
    def add(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
        self.total.assign_add(x)
        return {"total": self.total.read_value() * 1.0}

    @tf.function(input_signature=[tf.TensorSpec((1, 3))])
    def read(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"sum": self.total + x}


class Table(tf.Module):
    """A lookup table of integers, filled once."""

    def __init__(self) -> None:
        super().__init__()
        content = tf.lookup.KeyValueTensorInitializer(tf.constant([1, 2, 3], tf.int64), tf.constant(["a", "b", "c"]))
        self.table = tf.lookup.StaticHashTable(content, "?")

    @tf.function(input_signature=[tf.TensorSpec((1, 3), tf.int64)])
    def find(self, ids: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"names": self.table.lookup(ids)}


MODES = ("float32", "float16", "dynamic", "int8", "int8_io", "int16x8")


def convert(converter: Any, mode: str, shapes: list[tf.TensorSpec]) -> bytes:
    optimizes = mode not in ("float32", "open")
    if optimizes:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if mode == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if mode.startswith("int"):
        dice = np.random.default_rng(2)

        def dataset() -> Iterator[list[np.ndarray]]:
            for _ in range(3):
                yield [dice.random([size or 1 for size in s.shape]).astype(s.dtype.as_numpy_dtype) * 2 for s in shapes]

        converter.representative_dataset = dataset
        sets = tf.lite.OpsSet
        integers = (
            sets.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
            if mode == "int16x8"
            else sets.TFLITE_BUILTINS_INT8
        )
        converter.target_spec.supported_ops = [integers, sets.TFLITE_BUILTINS]
        if mode == "int8_io":
            converter.inference_input_type = converter.inference_output_type = tf.int8
    return converter.convert()


def modes_of(name: str, shapes: list[tf.TensorSpec]) -> list[str]:
    """The modes that a case is converted in."""
    is_float = all(spec.dtype == tf.float32 for spec in shapes)
    modes = ["float32"]
    if is_float:
        modes = [mode for mode in MODES if not (name in NOT_CALIBRATED and mode.startswith("int"))]
    if all(spec.shape.rank and spec.shape[0] == 1 for spec in shapes):
        modes.insert(0, "open")
    return modes


def models() -> Iterator[tuple[str, bytes]]:
    """Name and bytes of every model that converts."""
    for cases in (unary, binary, windows, moving, control, keras_models):
        for name, (function, shapes) in cases():
            for mode in modes_of(name, shapes):
                print(f"{name}/{mode}", file=sys.stderr, flush=True)
                own = [tf.TensorSpec((None, *s.shape[1:]), s.dtype) for s in shapes] if mode == "open" else shapes
                try:
                    concrete = tf.function(function).get_concrete_function(*own)
                    converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete])
                    yield f"{name}/{mode}", convert(converter, mode, shapes)
                except Exception as error:
                    print(f"not converted: {' '.join(str(error).split())[:160]}", file=sys.stderr)
    for module, methods in ((Variables(), ("add", "read")), (Table(), ("find",))):
        name = type(module).__name__.lower()
        functions = [getattr(module, method).get_concrete_function() for method in methods]
        converter = tf.lite.TFLiteConverter.from_concrete_functions(functions, module)
        converter.experimental_enable_resource_variables = True
        yield f"{name}/float32", converter.convert()


def main() -> None:
    seen = set()
    with tarfile.open(ARCHIVE, "w:xz", preset=9) as archive:
        for name, content in models():
            # A mode that leaves a case as it is adds nothing.
            graphs = structure(content)
            if graphs in seen:
                continue
            seen.add(graphs)
            entry = tarfile.TarInfo(f"{name}.tflite")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))


def structure(content: bytes) -> str:
    """Operators and tensors without names and places."""
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content, 0))
    codes = [(c.builtinCode, c.version, c.customCode) for c in model.operatorCodes]
    described = []
    for graph in model.subgraphs:
        described += [(str(t.shape), str(t.shapeSignature), t.type, t.hasRank) for t in graph.tensors]
        described += [
            (codes[o.opcodeIndex], str(o.inputs), str(o.outputs), vars(o.builtinOptions or Nothing()))
            for o in graph.operators
        ]
    return repr(described)


class Nothing:
    """Stands for options that an operator does not have."""


if __name__ == "__main__":
    main()
