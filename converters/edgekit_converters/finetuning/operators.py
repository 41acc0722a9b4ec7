"""Differentiable TensorFlow versions of TFLite operators; runs in the child process, which has TensorFlow.

Each function takes the operator's input tensors (None for an omitted one) and its options in the schema's object form,
and returns its outputs. Semantics follow LiteRT's reference kernels; before training, every operator of a model is
compared with the interpreter (``student.py``), so that a mistake here leaves a layer untrained and never wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

Inputs = Sequence[Any]
Operator = Callable[[Inputs, Any], Sequence[Any]]

#: Position of the weights among the inputs of the layers that are trained.
WEIGHTS = {"CONV_2D": 1, "DEPTHWISE_CONV_2D": 1, "FULLY_CONNECTED": 1, "TRANSPOSE_CONV": 1}
#: Position of the bias.
BIASES = {"CONV_2D": 2, "DEPTHWISE_CONV_2D": 2, "FULLY_CONNECTED": 2, "TRANSPOSE_CONV": 3}

_PADDINGS = ("SAME", "VALID")


def differentiable_operators() -> dict[str, Operator]:
    """Every operator that training can go through, by its name in the schema, except loops."""
    import tensorflow as tf

    return {
        **_layers(),
        **_arithmetic(),
        **_activations(),
        **_shapes(),
        **_reductions(),
        "BATCH_MATMUL": lambda x, o: [tf.matmul(x[0], x[1], adjoint_a=o.adjX, adjoint_b=o.adjY)],
        "GATHER": lambda x, o: [tf.gather(x[0], x[1], axis=o.axis, batch_dims=o.batchDims)],
        "CAST": lambda x, o: [tf.cast(x[0], _dtype(o.outDataType))],
        "RESIZE_NEAREST_NEIGHBOR": lambda x, o: [
            tf.compat.v1.image.resize_nearest_neighbor(
                x[0], x[1], align_corners=o.alignCorners, half_pixel_centers=o.halfPixelCenters
            )
        ],
        "RESIZE_BILINEAR": lambda x, o: [
            tf.raw_ops.ResizeBilinear(
                images=x[0], size=x[1], align_corners=o.alignCorners, half_pixel_centers=o.halfPixelCenters
            )
        ],
    }


def activated(values: Any, function: int) -> Any:
    """Apply a fused activation function, given as its number in the schema."""
    import tensorflow as tf

    functions = {
        0: lambda x: x,
        1: tf.nn.relu,
        2: lambda x: tf.clip_by_value(x, -1.0, 1.0),
        3: tf.nn.relu6,
        4: tf.tanh,
    }
    return functions[function](values)


def _layers() -> dict[str, Operator]:
    import tensorflow as tf

    def conv_2d(x: Inputs, o: Any) -> Sequence[Any]:
        result = tf.nn.conv2d(
            x[0],
            tf.transpose(x[1], (1, 2, 3, 0)),
            strides=(1, o.strideH, o.strideW, 1),
            padding=_PADDINGS[o.padding],
            dilations=(1, o.dilationHFactor, o.dilationWFactor, 1),
        )
        return [activated(_biased(result, x, 2), o.fusedActivationFunction)]

    def depthwise_conv_2d(x: Inputs, o: Any) -> Sequence[Any]:
        _, height, width, channels = x[1].shape
        data_channels = x[0].shape[-1]
        kernel = tf.reshape(x[1], (height, width, data_channels, channels // data_channels))
        if o.strideH == o.strideW:
            result = tf.nn.depthwise_conv2d(
                x[0],
                kernel,
                strides=(1, o.strideH, o.strideW, 1),
                padding=_PADDINGS[o.padding],
                dilations=(o.dilationHFactor, o.dilationWFactor),
            )
        else:
            # TensorFlow's kernel has square strides only; a grouped convolution has any.
            grouped = tf.reshape(x[1], (height, width, 1, channels))
            result = tf.nn.conv2d(x[0], grouped, (1, o.strideH, o.strideW, 1), _PADDINGS[o.padding])
        return [activated(_biased(result, x, 2), o.fusedActivationFunction)]

    def transpose_conv(x: Inputs, o: Any) -> Sequence[Any]:
        result = tf.nn.conv2d_transpose(
            x[2],
            tf.transpose(x[1], (1, 2, 0, 3)),
            output_shape=tf.concat([tf.shape(x[2])[:1], x[0][1:]], axis=0),
            strides=(1, o.strideH, o.strideW, 1),
            padding=_PADDINGS[o.padding],
        )
        return [activated(_biased(result, x, 3), o.fusedActivationFunction)]

    def fully_connected(x: Inputs, o: Any) -> Sequence[Any]:
        units, size = x[1].shape
        data = x[0] if o.keepNumDims else tf.reshape(x[0], (-1, size))
        result = tf.matmul(tf.reshape(data, (-1, size)), x[1], transpose_b=True)
        if o.keepNumDims:
            result = tf.reshape(result, tf.concat([tf.shape(data)[:-1], [units]], axis=0))
        return [activated(_biased(result, x, 2), o.fusedActivationFunction)]

    return {
        "CONV_2D": conv_2d,
        "DEPTHWISE_CONV_2D": depthwise_conv_2d,
        "TRANSPOSE_CONV": transpose_conv,
        "FULLY_CONNECTED": fully_connected,
    }


def _biased(result: Any, inputs: Inputs, place: int) -> Any:
    return result if len(inputs) <= place or inputs[place] is None else result + inputs[place]


def _arithmetic() -> dict[str, Operator]:
    import tensorflow as tf

    def fused(function: Callable[[Any, Any], Any]) -> Operator:
        return lambda x, o: [activated(function(x[0], x[1]), o.fusedActivationFunction)]

    def plain(function: Callable[..., Any]) -> Operator:
        return lambda x, o: [function(*x)]

    return {
        "ADD": fused(tf.add),
        "SUB": fused(tf.subtract),
        "MUL": fused(tf.multiply),
        "DIV": fused(tf.divide),
        "ADD_N": lambda x, o: [tf.add_n(list(x))],
        "MAXIMUM": plain(tf.maximum),
        "MINIMUM": plain(tf.minimum),
        "SQUARED_DIFFERENCE": plain(tf.math.squared_difference),
        "POW": plain(tf.pow),
        "FLOOR_DIV": plain(tf.math.floordiv),
        "FLOOR_MOD": plain(tf.math.floormod),
        "LESS": plain(tf.less),
        "LESS_EQUAL": plain(tf.less_equal),
        "GREATER": plain(tf.greater),
        "GREATER_EQUAL": plain(tf.greater_equal),
        "EQUAL": plain(tf.equal),
        "NOT_EQUAL": plain(tf.not_equal),
        "LOGICAL_AND": plain(tf.logical_and),
        "LOGICAL_OR": plain(tf.logical_or),
        "LOGICAL_NOT": plain(tf.logical_not),
        "SELECT": plain(tf.where),
        "SELECT_V2": plain(tf.where),
        "NEG": plain(tf.negative),
        "ABS": plain(tf.abs),
        "SQUARE": plain(tf.square),
        "SQRT": plain(tf.sqrt),
        "RSQRT": plain(tf.math.rsqrt),
        "EXP": plain(tf.exp),
        "LOG": plain(tf.math.log),
        "SIN": plain(tf.sin),
        "COS": plain(tf.cos),
        "FLOOR": plain(tf.floor),
    }


def _activations() -> dict[str, Operator]:
    import tensorflow as tf

    def plain(function: Callable[..., Any]) -> Operator:
        return lambda x, o: [function(*x)]

    return {
        "RELU": plain(tf.nn.relu),
        "RELU6": plain(tf.nn.relu6),
        "RELU_N1_TO_1": plain(lambda x: tf.clip_by_value(x, -1.0, 1.0)),
        "RELU_0_TO_1": plain(lambda x: tf.clip_by_value(x, 0.0, 1.0)),
        "LEAKY_RELU": lambda x, o: [tf.nn.leaky_relu(x[0], alpha=o.alpha)],
        "PRELU": plain(lambda x, alpha: tf.where(x >= 0, x, x * alpha)),
        "ELU": plain(tf.nn.elu),
        "GELU": lambda x, o: [tf.nn.gelu(x[0], approximate=o.approximate)],
        "HARD_SWISH": plain(lambda x: x * tf.nn.relu6(x + 3.0) / 6.0),
        "LOGISTIC": plain(tf.sigmoid),
        "TANH": plain(tf.tanh),
        "SOFTMAX": lambda x, o: [tf.nn.softmax(o.beta * x[0])],
        "LOG_SOFTMAX": plain(tf.nn.log_softmax),
        "L2_NORMALIZATION": plain(lambda x: tf.math.l2_normalize(x, axis=-1)),
    }


def _shapes() -> dict[str, Operator]:
    import tensorflow as tf

    def reshape(x: Inputs, o: Any) -> Sequence[Any]:
        return [tf.reshape(x[0], x[1] if len(x) > 1 else o.newShape)]

    def squeeze(x: Inputs, o: Any) -> Sequence[Any]:
        axes = () if o.squeezeDims is None else o.squeezeDims
        return [tf.squeeze(x[0], axis=[int(axis) for axis in axes] or None)]

    def strided_slice(x: Inputs, o: Any) -> Sequence[Any]:
        return [
            tf.strided_slice(
                *x[:4],
                begin_mask=o.beginMask,
                end_mask=o.endMask,
                ellipsis_mask=o.ellipsisMask,
                new_axis_mask=o.newAxisMask,
                shrink_axis_mask=o.shrinkAxisMask,
            )
        ]

    def concatenation(x: Inputs, o: Any) -> Sequence[Any]:
        return [activated(tf.concat(list(x), axis=o.axis), o.fusedActivationFunction)]

    return {
        "RESHAPE": reshape,
        "SQUEEZE": squeeze,
        "EXPAND_DIMS": lambda x, o: [tf.expand_dims(x[0], tf.reshape(x[1], ()))],
        "TRANSPOSE": lambda x, o: [tf.transpose(x[0], x[1])],
        "CONCATENATION": concatenation,
        "PACK": lambda x, o: [tf.stack(list(x), axis=o.axis)],
        "UNPACK": lambda x, o: tf.unstack(x[0], num=o.num, axis=o.axis),
        "SPLIT": lambda x, o: tf.split(x[1], o.numSplits, axis=int(np.reshape(x[0], ()))),
        "SPLIT_V": lambda x, o: tf.split(x[0], x[1], axis=int(np.reshape(x[2], ())), num=o.numSplits),
        "SLICE": lambda x, o: [tf.slice(*x)],
        "STRIDED_SLICE": strided_slice,
        "PAD": lambda x, o: [tf.pad(x[0], x[1])],
        "PADV2": lambda x, o: [tf.raw_ops.PadV2(input=x[0], paddings=x[1], constant_values=tf.reshape(x[2], ()))],
        "MIRROR_PAD": lambda x, o: [tf.pad(x[0], x[1], mode=("REFLECT", "SYMMETRIC")[o.mode])],
        "TILE": lambda x, o: [tf.tile(x[0], x[1])],
        "BROADCAST_TO": lambda x, o: [tf.broadcast_to(x[0], x[1])],
        "FILL": lambda x, o: [tf.fill(x[0], tf.reshape(x[1], ()))],
        "RANGE": lambda x, o: [tf.range(*(tf.reshape(each, ()) for each in x))],
        "SHAPE": lambda x, o: [tf.shape(x[0], out_type=_dtype(o.outType))],
        "REVERSE_V2": lambda x, o: [tf.reverse(x[0], x[1])],
        "SPACE_TO_DEPTH": lambda x, o: [tf.nn.space_to_depth(x[0], o.blockSize)],
        "DEPTH_TO_SPACE": lambda x, o: [tf.nn.depth_to_space(x[0], o.blockSize)],
        "SPACE_TO_BATCH_ND": lambda x, o: [tf.space_to_batch(*x)],
        "BATCH_TO_SPACE_ND": lambda x, o: [tf.raw_ops.BatchToSpaceND(input=x[0], block_shape=x[1], crops=x[2])],
    }


def _reductions() -> dict[str, Operator]:
    import tensorflow as tf

    def reduced(function: Callable[..., Any]) -> Operator:
        return lambda x, o: [function(x[0], axis=x[1], keepdims=o.keepDims)]

    def pooled(kind: str) -> Operator:
        return lambda x, o: [
            activated(
                tf.nn.pool(
                    x[0],
                    (o.filterHeight, o.filterWidth),
                    kind,
                    strides=(o.strideH, o.strideW),
                    padding=_PADDINGS[o.padding],
                ),
                o.fusedActivationFunction,
            )
        ]

    return {
        "MEAN": reduced(tf.reduce_mean),
        "SUM": reduced(tf.reduce_sum),
        "REDUCE_MAX": reduced(tf.reduce_max),
        "REDUCE_MIN": reduced(tf.reduce_min),
        "AVERAGE_POOL_2D": pooled("AVG"),
        "MAX_POOL_2D": pooled("MAX"),
    }


def _dtype(number: int) -> Any:
    """TensorFlow's type for a tensor type's number in the schema."""
    import tensorflow as tf
    from ai_edge_litert import schema_py_generated as schema

    names = {value: name for name, value in vars(schema.TensorType).items() if isinstance(value, int)}
    return tf.as_dtype(names[number].lower())
