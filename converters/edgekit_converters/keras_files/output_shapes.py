"""Computes output shapes from an upgraded description without Keras; None if it takes more than arithmetic."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from edgekit_converters.keras_files.description import (
    Layer,
    LayerPath,
    is_model,
    layer_name,
    model_layers,
)
from edgekit_converters.keras_files.keras_operations import is_operation, public_function
from edgekit_converters.keras_files.wrapper_layers import Shape, described_inner_layers, wrapper_record

Shapes = dict[LayerPath, Shape | None]

#: NumPy's limit.
_MAX_RANK = 64
_MAX_AXIS = 2**63 - 1

_SAME = frozenset(
    """
    Activation ActivityRegularization BatchNormalization Dropout ELU GaussianDropout GaussianNoise GroupNormalization
    HardSigmoidKeras2 Highway Identity LayerNormalization LeakyReLU Masking Normalization PReLU ParametricSoftplus
    RMSNormalization ReLU Rescaling SReLU Softmax SpatialDropout1D SpatialDropout2D SpatialDropout3D
    UnitNormalization
    """.split()  # noqa: SIM905
)
_BROADCAST = frozenset({"Add", "Average", "Maximum", "Minimum", "Multiply", "Subtract"})
# Operations in expressions that keep the shapes of their inputs, broadcast against each other.
_ELEMENTWISE = frozenset(
    """
    abs absolute add cast clip cos divide elu equal exp floor gelu greater identity leaky_relu less log log1p maximum
    minimum multiply negative not_equal power reciprocal relu relu6 rsqrt selu sigmoid sign silu sin softmax softplus
    sqrt square squared_difference subtract tanh true_divide where
    """.split()  # noqa: SIM905
)


def output_shapes(model: Layer) -> Shapes:
    """Compute the shape of the (first) output of each layer of an upgraded model and its nested models, by path.

    Args:
        model: The description after the upgrade.
    """
    shapes: Shapes = {}
    _model_shape(model, (), shapes, None)
    return shapes


def model_outputs(model: Layer, shapes: Shapes) -> dict[str, Shape | None]:
    """The shapes of a model's outputs, by the names of the layers that produce them."""
    if model["class_name"] == "Sequential":
        names = [layer_name(layer) for layer in model_layers(model)[-1:]]
    else:
        names = [str(end[0]) for end in endpoints(model["config"].get("output_layers"))]
    return {name: shapes.get((name,)) for name in names}


def endpoints(stored: Any) -> list[list[Any]]:
    """``input_layers`` or ``output_layers`` as a list; Keras 3 omits the list around a single one."""
    if isinstance(stored, dict):
        stored = list(stored.values())
    if not isinstance(stored, list) or not stored:
        return []
    return [stored] if isinstance(stored[0], str) else [end for end in stored if isinstance(end, list) and end]


def _model_shape(model: Layer, path: LayerPath, shapes: Shapes, given: Shape | None) -> Shape | None:
    if model["class_name"] == "Sequential":
        for layer in model_layers(model):
            inner = (*path, layer_name(layer))
            given = shapes[inner] = _layer_shape(layer, inner, [given], shapes)
        return given
    # A shared layer has one output per call.
    outputs: dict[tuple[str, int], Shape | None] = {}
    read = _shapes_where_read(model)
    for layer in model_layers(model):
        name = layer_name(layer)
        for number, tensors in enumerate(_calls(layer)):
            inputs = [_tensor_shape(tensor, outputs) for tensor in tensors] or [given]
            if is_operation(layer):
                outputs[name, number] = read.get((name, number)) or _operation_shape(layer, number, inputs)
            else:
                outputs[name, number] = _layer_shape(layer, (*path, name), inputs, shapes)
        shapes[(*path, name)] = outputs[name, 0]
    ends = endpoints(model["config"].get("output_layers"))
    return shapes.get((*path, str(ends[0][0]))) if len(ends) == 1 else None


def _calls(layer: Layer) -> list[list[dict[str, Any]]]:
    """The tensors of each call of a layer, in Keras 3's notation; at least one call."""
    calls: list[list[dict[str, Any]]] = []
    for call in layer.get("inbound_nodes") or [{}]:
        tensors: list[dict[str, Any]] = []
        waiting = [call.get("args")]
        while waiting:
            value = waiting.pop()
            if isinstance(value, list):
                waiting += reversed(value)
            elif isinstance(value, dict) and value.get("class_name") == "__keras_tensor__":
                tensors.append(value["config"])
        calls.append(tensors)
    return calls


def _tensor_shape(tensor: dict[str, Any], outputs: dict[tuple[str, int], Shape | None]) -> Shape | None:
    if tensor.get("shape"):  # Keras 3 stores it.
        return _shape(tensor["shape"])
    name, call, index = tensor["keras_history"]
    # For a layer with several outputs, only the first one's shape is known.
    return None if index else outputs.get((str(name), int(call)))


def _shapes_where_read(model: Layer) -> dict[tuple[str, int], Shape]:
    """Shapes of first outputs that Keras 3 stores at the layers and operations that read them."""
    tensors = (tensor for layer in model_layers(model) for call in _calls(layer) for tensor in call)
    return {
        (str(tensor["keras_history"][0]), int(tensor["keras_history"][1])): _shape(tensor["shape"])
        for tensor in tensors
        if tensor.get("shape") and not tensor["keras_history"][2]
    }


def _operation_shape(layer: Layer, number: int, inputs: list[Shape | None]) -> Shape | None:
    """Output shape of an operation that computes elementwise on tensors and numbers."""
    function = public_function(layer["class_name"]).rpartition(".")[2]
    known = [shape for shape in inputs if shape is not None]
    given = [value for value in layer["inbound_nodes"][number]["args"] if isinstance(value, (dict, list))]
    return _broadcast(known) if function in _ELEMENTWISE and len(known) == len(given) > 0 else None


def _layer_shape(layer: Layer, path: LayerPath, inputs: list[Shape | None], shapes: Shapes) -> Shape | None:
    class_name, config = layer["class_name"], layer["config"]
    if is_model(layer):
        return _model_shape(layer, path, shapes, inputs[0] if len(inputs) == 1 else None)
    if class_name == "InputLayer":
        stored = config.get("batch_shape") or config.get("batch_input_shape")
        return _shape(stored) if stored else inputs[0]
    known = [shape for shape in inputs if shape is not None]
    if not known or len(known) != len(inputs):
        return None
    try:
        shape = _compute(layer, path, known, shapes)
        # Sizes multiply from layer to layer: without a limit, the numbers would take seconds to compute and to print.
        return None if any(axis is not None and abs(axis) > _MAX_AXIS for axis in shape or ()) else shape
    except (KeyError, TypeError, ValueError, IndexError, ZeroDivisionError, AttributeError):
        return None  # A description that Keras will reject with its own message.


def _compute(layer: Layer, path: LayerPath, inputs: list[Shape], shapes: Shapes) -> Shape | None:
    class_name, config, shape = layer["class_name"], layer["config"], inputs[0]
    if class_name in _SAME:
        return shape
    if class_name in _BROADCAST:
        return _broadcast(inputs)
    if class_name == "Expression":
        return _broadcast(inputs) if _is_elementwise(config["expression"]) else None
    if wrapper_record(layer).shapes is not None:
        return _wrapper_shape(layer, path, shape, shapes)
    if class_name in ("Attention", "AdditiveAttention"):
        return (*shape[:-1], inputs[1][-1])
    if class_name == "Concatenate":
        return _concatenated(inputs, int(config.get("axis", -1)))
    rule = _RULES.get(class_name)
    return rule(config, shape) if rule else None


def _wrapper_shape(wrapper: Layer, path: LayerPath, given: Shape, shapes: Shapes) -> Shape | None:
    """The output shape of a wrapper, derived from that of the first layer that it calls."""
    rule = wrapper_record(wrapper).shapes
    assert rule is not None, "only asked for with a rule"
    outputs = []
    for inner, described in described_inner_layers(wrapper):
        inner_input = rule.inner_input(given, described["class_name"])
        outputs.append(_layer_shape(described, (*path, inner.name), [inner_input], shapes))
        shapes[(*path, inner.name)] = outputs[-1]
    return rule.output(outputs[0], given, wrapper["config"]) if outputs and outputs[0] is not None else None


def _shape(values: Any) -> Shape:
    if len(values) > _MAX_RANK:
        raise ValueError(f"a shape of {len(values)} axes")
    return tuple(None if value is None else int(value) for value in values)


def _broadcast(inputs: list[Shape]) -> Shape:
    rank = max(map(len, inputs))
    padded = [(1,) * (rank - len(shape)) + shape for shape in inputs]
    return tuple(next((axis for axis in axes if axis != 1), 1) for axes in zip(*padded, strict=True))


def _is_elementwise(expression: Any) -> bool:
    if isinstance(expression, dict):
        if "call" in expression:
            parts = [*expression["args"], *expression["kwargs"].values()]
            return expression["call"] in _ELEMENTWISE and all(map(_is_elementwise, parts))
        return "input" in expression
    return expression is None or isinstance(expression, (int, float, str))


def _concatenated(inputs: list[Shape], axis: int) -> Shape:
    at = axis % len(inputs[0])
    sizes = [shape[at] for shape in inputs]
    known = [size for size in sizes if size is not None]
    total = sum(known) if len(known) == len(sizes) else None
    return (*inputs[0][:at], total, *inputs[0][at + 1 :])


def _numbers(value: Any, rank: int) -> list[int]:
    return [int(value)] * rank if isinstance(value, int) else [int(v) for v in value]


def _window(config: dict[str, Any], sizes: Any, strides: Any, axes: Shape) -> Shape:
    """The spatial axes after a sliding window."""
    rank = len(axes)
    dilations = _numbers(config.get("dilation_rate", 1), rank)
    padding = config.get("padding", "valid")
    result = []
    for axis, size, stride, dilation in zip(
        axes, _numbers(sizes, rank), _numbers(strides, rank), dilations, strict=True
    ):
        reach = (size - 1) * dilation
        whole = None if axis is None else axis - (reach if padding == "valid" else 0)
        result.append(None if whole is None else -(-whole // stride))
    return tuple(result)


def _convolution(config: dict[str, Any], shape: Shape) -> Shape:
    return (shape[0], *_window(config, config["kernel_size"], config.get("strides", 1), shape[1:-1]), config["filters"])


def _depthwise(config: dict[str, Any], shape: Shape) -> Shape:
    filters = None if shape[-1] is None else shape[-1] * int(config.get("depth_multiplier", 1))
    return (shape[0], *_window(config, config["kernel_size"], config.get("strides", 1), shape[1:-1]), filters)


def _transposed(config: dict[str, Any], shape: Shape) -> Shape | None:
    rank = len(shape) - 2
    if config.get("output_padding") is not None:
        return None
    sizes, strides = _numbers(config["kernel_size"], rank), _numbers(config.get("strides", 1), rank)
    valid = config.get("padding", "valid") == "valid"
    axes = [
        None if axis is None else axis * stride + (max(size - stride, 0) if valid else 0)
        for axis, size, stride in zip(shape[1:-1], sizes, strides, strict=True)
    ]
    return (shape[0], *axes, config["filters"])


def _pooling(config: dict[str, Any], shape: Shape) -> Shape:
    size = config.get("pool_size", 2)
    return (shape[0], *_window(config, size, config.get("strides") or size, shape[1:-1]), shape[-1])


def _global_pooling(config: dict[str, Any], shape: Shape) -> Shape:
    channels_first = config.get("data_format") == "channels_first"
    channels = shape[1] if channels_first else shape[-1]
    ones = (1,) * (len(shape) - 2)
    if not config.get("keepdims"):
        return (shape[0], channels)
    return (shape[0], channels, *ones) if channels_first else (shape[0], *ones, channels)


def _flatten(config: dict[str, Any], shape: Shape) -> Shape:
    known = [axis for axis in shape[1:] if axis is not None]
    return (shape[0], math.prod(known) if len(known) == len(shape) - 1 else None)


def _reshape(config: dict[str, Any], shape: Shape) -> Shape:
    target = _shape(config["target_shape"])
    total = _flatten({}, shape)[1]
    rest = math.prod(axis for axis in target if axis not in (-1, None))
    filled = None if total is None else total // rest
    return (shape[0], *(filled if axis == -1 else axis for axis in target))


def _recurrent(config: dict[str, Any], shape: Shape) -> Shape:
    cell = config["cell"]["config"] if "cell" in config else config
    units = cell["cells"][-1]["config"]["units"] if "cells" in cell else cell["units"]
    return (shape[0], shape[1], units) if config.get("return_sequences") else (shape[0], units)


def _convolutional_lstm(config: dict[str, Any], shape: Shape) -> Shape:
    frame = _convolution(config, (shape[0], *shape[2:]))
    return (shape[0], shape[1], *frame[1:]) if config.get("return_sequences") else frame


def _pairs(value: Any, rank: int) -> list[tuple[int, int]]:
    """Padding or cropping before and after each axis."""
    if isinstance(value, int):
        return [(value, value)] * rank
    if rank == 1 and len(value) == 2 and isinstance(value[0], int):
        return [(value[0], value[1])]
    return [(v, v) if isinstance(v, int) else (int(v[0]), int(v[1])) for v in value]


def _edges(key: str, sign: int, default: int) -> Callable[[dict[str, Any], Shape], Shape]:
    def rule(config: dict[str, Any], shape: Shape) -> Shape:
        pairs = _pairs(config.get(key, default), len(shape) - 2)
        axes = [
            None if axis is None else axis + sign * sum(pair) for axis, pair in zip(shape[1:-1], pairs, strict=True)
        ]
        return (shape[0], *axes, shape[-1])

    return rule


def _up_sampling(config: dict[str, Any], shape: Shape) -> Shape:
    sizes = _numbers(config.get("size", 2), len(shape) - 2)
    axes = [None if axis is None else axis * size for axis, size in zip(shape[1:-1], sizes, strict=True)]
    return (shape[0], *axes, shape[-1])


def _resizing(config: dict[str, Any], shape: Shape) -> Shape:
    return (shape[0], config["height"], config["width"], shape[-1])


_RULES: dict[str, Callable[[dict[str, Any], Shape], Shape | None]] = {
    "TakeMask": lambda config, shape: shape[:2],
    "Dense": lambda config, shape: (*shape[:-1], config["units"]),
    "MaxoutDense": lambda config, shape: (*shape[:-1], config["units"]),
    "Embedding": lambda config, shape: (*shape, config["output_dim"]),
    "Flatten": _flatten,
    "Reshape": _reshape,
    "Permute": lambda config, shape: (shape[0], *(shape[axis] for axis in config["dims"])),
    "RepeatVector": lambda config, shape: (shape[0], config["n"], shape[1]),
    "Resizing": _resizing,
    "CenterCrop": _resizing,
    "GroupQueryAttention": lambda config, shape: shape,
    "GroupedQueryAttention": lambda config, shape: shape,
    "MultiHeadAttention": lambda config, shape: (
        shape if not config.get("output_shape") else (*shape[:-1], *_shape(config["output_shape"]))
    ),
    **{
        name: rule
        for names, rule in {
            ("Conv{}D", "SeparableConv{}D", "LocallyConnected{}D"): _convolution,
            ("DepthwiseConv{}D",): _depthwise,
            ("Conv{}DTranspose",): _transposed,
            ("MaxPooling{}D", "AveragePooling{}D", "Pooling{}D"): _pooling,
            ("GlobalMaxPooling{}D", "GlobalAveragePooling{}D"): _global_pooling,
            ("ConvLSTM{}D",): _convolutional_lstm,
            ("ZeroPadding{}D",): _edges("padding", 1, 1),
            ("Cropping{}D",): _edges("cropping", -1, 1),
            ("UpSampling{}D",): _up_sampling,
        }.items()
        for name in (pattern.format(rank) for pattern in names for rank in (1, 2, 3))
    },
    **dict.fromkeys(("LSTM", "GRU", "SimpleRNN", "RNN"), _recurrent),
}
