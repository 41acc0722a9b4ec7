"""Reads TensorFlow graph nodes, as stored by ``TensorFlowOpLayer`` of tf.keras 1.13 to 2.3."""

from __future__ import annotations

import json
from typing import Any

from edgekit_converters.keras_files.lambda_code.expressions import Expression, call

# Nodes whose inputs are the operation's arguments, in the same order.
_ELEMENTWISE = {
    "Add": "add",
    "AddV2": "add",
    "Sub": "subtract",
    "Mul": "multiply",
    "RealDiv": "divide",
    "Div": "divide",
    "DivNoNan": "divide",
    "FloorDiv": "floor_divide",
    "FloorMod": "mod",
    "Pow": "power",
    "Maximum": "maximum",
    "Minimum": "minimum",
    "SquaredDifference": "squared_difference",
    "BiasAdd": "bias_add",
    "Abs": "abs",
    "Exp": "exp",
    "Log": "log",
    "Log1p": "log1p",
    "Sqrt": "sqrt",
    "Rsqrt": "rsqrt",
    "Square": "square",
    "Neg": "negative",
    "Sign": "sign",
    "Sin": "sin",
    "Cos": "cos",
    "Tanh": "tanh",
    "Sigmoid": "sigmoid",
    "Softplus": "softplus",
    "Softsign": "softsign",
    "Softmax": "softmax",
    "LogSoftmax": "log_softmax",
    "Relu": "relu",
    "Relu6": "relu6",
    "Elu": "elu",
    "Selu": "selu",
    "Floor": "floor",
    "Ceil": "ceil",
    "Round": "round",
    "Identity": "identity",
    "StopGradient": "stop_gradient",
    "Equal": "equal",
    "NotEqual": "not_equal",
    "Greater": "greater",
    "GreaterEqual": "greater_equal",
    "Less": "less",
    "LessEqual": "less_equal",
    "LogicalAnd": "logical_and",
    "LogicalOr": "logical_or",
    "LogicalNot": "logical_not",
    "Tile": "tile",
    "Reshape": "reshape",
    "Transpose": "transpose",
    "ReverseV2": "flip",
    "ZerosLike": "zeros_like",
    "OnesLike": "ones_like",
    "SelectV2": "where",
    "Pad": "pad",
}
_REDUCTIONS = {"Mean": "mean", "Sum": "sum", "Max": "max", "Min": "min", "Prod": "prod", "Any": "any", "All": "all"}


def read_tensorflow_node(config: dict[str, Any], tensors: list[Expression]) -> Expression | None:
    """Convert a node to an expression; None if edgekit doesn't know its operation.

    Args:
        config: The layer's ``node_def``, and the ``constants`` among its inputs by position.
        tensors: The inputs that are tensors.
    """
    node = config["node_def"]
    if isinstance(node, str):
        try:
            node = json.loads(node)
        except ValueError:
            return None
    inputs = list(tensors)
    for place, value in sorted((int(place), value) for place, value in (config.get("constants") or {}).items()):
        inputs.insert(place, value)
    kind, attributes = node.get("op"), node.get("attr", {})
    if kind in _ELEMENTWISE:
        return call(_ELEMENTWISE[kind], *inputs)
    if kind in _REDUCTIONS:
        return call(_REDUCTIONS[kind], inputs[0], axis=inputs[1], keepdims=_flag(attributes, "keep_dims"))
    return _read_special(kind, attributes, inputs)


def _read_special(kind: str, attributes: dict[str, Any], inputs: list[Any]) -> Expression | None:
    match kind:
        case "ConcatV2":
            return call("concatenate", inputs[:-1], axis=inputs[-1])
        case "Pack":
            return call("stack", inputs, axis=_number(attributes, "axis"))
        case "ExpandDims":
            return call("expand_dims", inputs[0], axis=inputs[1])
        case "Squeeze":
            axes = [int(axis) for axis in attributes.get("squeeze_dims", {}).get("list", {}).get("i", [])]
            return call("squeeze", inputs[0], axis=axes or None)
        case "LeakyRelu":
            return call("leaky_relu", inputs[0], negative_slope=attributes.get("alpha", {}).get("f", 0.2))
        case "Cast":
            return call("cast", inputs[0], dtype=_TYPES.get(attributes.get("DstT", {}).get("type"), "float32"))
        case "MatMul" | "BatchMatMulV2":
            flags = ("transpose_a", "transpose_b") if kind == "MatMul" else ("adj_x", "adj_y")
            a, b = (_flag(attributes, flag) for flag in flags)
            return call("matmul", *inputs, transpose_a=a, transpose_b=b)
        case "GatherV2":
            return call("take", inputs[0], inputs[1], axis=inputs[2])
        case "StridedSlice":
            return call("getitem", inputs[0], _index(attributes, *inputs[1:4]))
        case "ResizeBilinear" if _flag(attributes, "half_pixel_centers"):
            return call("resize", inputs[0], size=inputs[1], method="bilinear")
    return None


_TYPES = {"DT_FLOAT": "float32", "DT_INT32": "int32", "DT_INT64": "int64", "DT_BOOL": "bool", "DT_UINT8": "uint8"}


def _index(attributes: dict[str, Any], begin: list[int], end: list[int], strides: list[int]) -> list[Expression]:
    """Convert the masks and bounds of a strided slice to an index."""
    masks = {
        name: _number(attributes, f"{name}_mask") for name in ("begin", "end", "ellipsis", "new_axis", "shrink_axis")
    }
    index: list[Expression] = []
    for place, (first, last, step) in enumerate(zip(begin, end, strides, strict=True)):
        bit = 1 << place
        if masks["ellipsis"] & bit:
            index.append({"ellipsis": True})
        elif masks["new_axis"] & bit:
            index.append(None)
        elif masks["shrink_axis"] & bit:
            index.append(first)
        else:
            start = None if masks["begin"] & bit else first
            stop = None if masks["end"] & bit else last
            index.append({"slice": [start, stop, step]})
    return index


def _flag(attributes: dict[str, Any], name: str) -> bool:
    return bool(attributes.get(name, {}).get("b", False))


def _number(attributes: dict[str, Any], name: str) -> int:
    return int(attributes.get(name, {}).get("i", 0))
