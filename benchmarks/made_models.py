"""Models with random weights, made on the spot: as large as VGG16 and MobileNetV2, without TensorFlow.

``python benchmarks/made_models.py FOLDER`` writes ``vgg16.tflite`` (553 MB) and ``mobilenet_v2.tflite`` (9 MB), both
packed, so that loading them checks a digest.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils

from edgekit_converters.packaging.artifact import pack
from edgekit_runtime.packed_file.manifest import Manifest
from edgekit_runtime.tflite.tflite_model import TfliteModel

SIDE = 224
CLASSES = 1000
_RELU6 = schema.ActivationFunctionType.RELU6
_RELU = schema.ActivationFunctionType.RELU
#: Versions of operators for int8 that are not 3.
_INT8_VERSIONS = {
    getattr(schema.BuiltinOperator, name): version
    for name, version in {
        "QUANTIZE": 1,
        "DEQUANTIZE": 2,
        "HARD_SWISH": 1,
        "TANH": 1,
        "SOFTMAX": 2,
        "TRANSPOSE": 2,
    }.items()
}


class Graph:
    """A model of one input that grows operator by operator.

    Args:
        input_shape: Shape of the input.
        int8: Whether activations and weights are int8, instead of float32.
        open_batch: Whether the first axis of every activation is free.
    """

    def __init__(self, input_shape: Sequence[int], *, int8: bool = False, open_batch: bool = True) -> None:
        self._random = np.random.default_rng(0)
        self._int8, self._batch = int8, -1 if open_batch else 1
        self._buffers = [schema.BufferT()]
        self._tensors: list[Any] = []
        self._operators: list[Any] = []
        self._codes: list[Any] = []
        self._input = self._activation(input_shape)

    def convolve(self, source: int, channels: int, kernel: int = 3, stride: int = 1, activation: int = _RELU) -> int:
        """A convolution with padding."""
        _, height, width, depth = self._tensors[source].shape
        weights = self._weights((channels, kernel, kernel, depth))
        options = schema.Conv2DOptionsT()
        options.strideH = options.strideW = stride
        options.fusedActivationFunction = activation
        output = self._activation((1, -(-height // stride), -(-width // stride), channels))
        self._operator("CONV_2D", [source, weights, self._bias(channels)], output, "Conv2DOptions", options)
        return output

    def convolve_depthwise(self, source: int, stride: int = 1) -> int:
        """A depthwise 3 × 3 convolution with padding."""
        _, height, width, depth = self._tensors[source].shape
        weights = self._weights((1, 3, 3, depth))
        options = schema.DepthwiseConv2DOptionsT()
        options.strideH = options.strideW = stride
        options.depthMultiplier, options.fusedActivationFunction = 1, _RELU6
        output = self._activation((1, -(-height // stride), -(-width // stride), depth))
        inputs = [source, weights, self._bias(depth)]
        self._operator("DEPTHWISE_CONV_2D", inputs, output, "DepthwiseConv2DOptions", options)
        return output

    def pool(self, source: int) -> int:
        """The largest of each 2 × 2 pixels."""
        _, height, width, depth = self._tensors[source].shape
        options = schema.Pool2DOptionsT()
        options.strideH = options.strideW = options.filterHeight = options.filterWidth = 2
        output = self._activation((1, height // 2, width // 2, depth))
        self._operator("MAX_POOL_2D", [source], output, "Pool2DOptions", options)
        return output

    def add(self, first: int, second: int) -> int:
        """A sum."""
        output = self._activation(self._tensors[first].shape)
        self._operator("ADD", [first, second], output, "AddOptions", schema.AddOptionsT())
        return output

    def average(self, source: int) -> int:
        """The mean of all pixels."""
        axes = self._constant(np.array([1, 2], np.int32))
        output = self._activation((1, self._tensors[source].shape[-1]))
        self._operator("MEAN", [source, axes], output, "ReducerOptions", schema.ReducerOptionsT())
        return output

    def flatten(self, source: int) -> int:
        """All values of an example in one row."""
        size = int(np.prod(self._tensors[source].shape[1:]))
        shape = self._constant(np.array([-1, size], np.int32))
        output = self._activation((1, size))
        self._operator("RESHAPE", [source, shape], output, "ReshapeOptions", schema.ReshapeOptionsT())
        return output

    def connect(self, source: int, units: int, activation: int = _RELU) -> int:
        """A dense layer."""
        options = schema.FullyConnectedOptionsT()
        options.fusedActivationFunction = activation
        weights = self._weights((units, self._tensors[source].shape[-1]))
        output = self._activation((1, units))
        inputs = [source, weights, self._bias(units)]
        self._operator("FULLY_CONNECTED", inputs, output, "FullyConnectedOptions", options)
        return output

    def apply(self, name: str, source: int, *, options: str = "", activation_dtype: str = "") -> int:
        """An operator of one input that keeps its shape, such as ``HARD_SWISH``, ``TANH`` or ``QUANTIZE``."""
        output = self._activation(self._tensors[source].shape, activation_dtype)
        self._operator(name, [source], output, options, getattr(schema, f"{options}T")() if options else None)
        return output

    def transpose(self, source: int, axes: Sequence[int]) -> int:
        """A permutation of the axes; the first must stay."""
        output = self._activation([self._tensors[source].shape[axis] for axis in axes])
        inputs = [source, self._constant(np.array(axes, np.int32))]
        self._operator("TRANSPOSE", inputs, output, "TransposeOptions", schema.TransposeOptionsT())
        return output

    def share_one_scale(self, operator: int = -1) -> None:
        """Store the weights of an operator as int8 with one scale for all channels; activations stay float32."""
        tensor = self._tensors[self._operators[operator].inputs[1]]
        tensor.type = schema.TensorType.INT8
        tensor.quantization = _quantization(0.01, 0)
        values = self._random.integers(-127, 128, tensor.shape, np.int8)
        self._buffers[tensor.buffer].data = values.reshape(-1).view(np.uint8)

    def result(self, output: int) -> bytes:
        """The .tflite whose output is a tensor."""
        subgraph, model = schema.SubGraphT(), schema.ModelT()
        subgraph.tensors, subgraph.operators = self._tensors, self._operators
        subgraph.inputs, subgraph.outputs = [self._input], [output]
        subgraph.name = b"main"
        model.version, model.subgraphs, model.buffers, model.operatorCodes = 3, [subgraph], self._buffers, self._codes
        return bytes(flatbuffer_utils.convert_object_to_bytearray(model))

    def finish(self, scores: int) -> bytes:
        """The .tflite whose output is a softmax of ``scores``."""
        options = schema.SoftmaxOptionsT()
        options.beta = 1.0
        output = self._activation(self._tensors[scores].shape)
        self._operator("SOFTMAX", [scores], output, "SoftmaxOptions", options)
        return self.result(output)

    def _activation(self, shape: Sequence[int], dtype: str = "") -> int:
        is_int8 = (dtype or ("int8" if self._int8 else "float32")) == "int8"
        kind = schema.TensorType.INT8 if is_int8 else schema.TensorType.FLOAT32
        tensor = self._tensor((1, *shape[1:]), 0, (self._batch, *shape[1:]), kind)
        if is_int8:
            self._tensors[tensor].quantization = _quantization(0.05, 0)
        return tensor

    def _weights(self, shape: Sequence[int]) -> int:
        if self._int8:
            tensor = self._constant(self._random.integers(-127, 128, shape, np.int8))
            channels = shape[0] if shape[0] > 1 else shape[-1]
            axis = 0 if shape[0] > 1 else len(shape) - 1
            self._tensors[tensor].quantization = _quantization([0.01] * channels, axis)
            return tensor
        fan_in = int(np.prod(shape[1:]))
        return self._constant((self._random.standard_normal(shape, np.float32) / fan_in**0.5).astype(np.float32))

    def _bias(self, channels: int) -> int:
        if self._int8:
            tensor = self._constant(np.zeros(channels, np.int32))
            self._tensors[tensor].quantization = _quantization([0.05 * 0.01] * channels, 0)
            return tensor
        return self._constant(np.zeros(channels, np.float32))

    def _constant(self, values: np.ndarray) -> int:
        buffer = schema.BufferT()
        buffer.data = np.ascontiguousarray(values).reshape(-1).view(np.uint8)
        self._buffers.append(buffer)
        kind = getattr(schema.TensorType, values.dtype.name.upper())
        return self._tensor(values.shape, len(self._buffers) - 1, None, kind)

    def _tensor(self, shape: Sequence[int], buffer: int, signature: Sequence[int] | None, kind: int) -> int:
        tensor = schema.TensorT()
        tensor.shape, tensor.type, tensor.buffer, tensor.hasRank = list(shape), kind, buffer, True
        tensor.name = f"tensor_{len(self._tensors)}".encode()
        if signature is not None:
            tensor.shapeSignature = list(signature)
        self._tensors.append(tensor)
        return len(self._tensors) - 1

    def _operator(self, name: str, inputs: Sequence[int], output: int, options_name: str, options: Any) -> None:
        operator = schema.OperatorT()
        operator.opcodeIndex = self._code(getattr(schema.BuiltinOperator, name))
        operator.inputs, operator.outputs = list(inputs), [output]
        if options_name:
            operator.builtinOptionsType = getattr(schema.BuiltinOptions, options_name)
            operator.builtinOptions = options
        self._operators.append(operator)

    def _code(self, builtin: int) -> int:
        for index, known in enumerate(self._codes):
            if known.builtinCode == builtin:
                return index
        code = schema.OperatorCodeT()
        code.builtinCode, code.deprecatedBuiltinCode = builtin, min(builtin, 127)
        code.version = _INT8_VERSIONS.get(builtin, 3) if self._int8 else 1
        self._codes.append(code)
        return len(self._codes) - 1


def _quantization(scale: float | list[float], axis: int) -> Any:
    scales = [scale] if isinstance(scale, float) else scale
    quantization = schema.QuantizationParametersT()
    quantization.scale = np.array(scales, np.float32)
    quantization.zeroPoint = np.zeros(len(scales), np.int64)
    quantization.quantizedDimension = axis
    return quantization


def vgg16() -> bytes:
    """13 convolutions and three dense layers: 553 MB."""
    graph = Graph((1, SIDE, SIDE, 3))
    tensor = 0
    for channels, count in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
        for _ in range(count):
            tensor = graph.convolve(tensor, channels)
        tensor = graph.pool(tensor)
    tensor = graph.flatten(tensor)
    tensor = graph.connect(graph.connect(tensor, 4096), 4096)
    return graph.finish(graph.connect(tensor, CLASSES, activation=0))


def mobilenet_v2() -> bytes:
    """The 52 convolutions of MobileNetV2 and a head of ten classes: 9 MB."""
    graph = Graph((1, SIDE, SIDE, 3))
    tensor, depth = graph.convolve(0, 32, stride=2, activation=_RELU6), 32
    for expansion, channels, count, stride in (
        (1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1),
    ):  # fmt: skip
        for number in range(count):
            block = tensor
            if expansion > 1:
                block = graph.convolve(block, depth * expansion, 1, activation=_RELU6)
            block = graph.convolve_depthwise(block, stride if number == 0 else 1)
            block = graph.convolve(block, channels, 1, activation=0)
            tensor = graph.add(tensor, block) if number else block
            depth = channels
    tensor = graph.average(graph.convolve(tensor, 1280, 1, activation=_RELU6))
    return graph.finish(graph.connect(tensor, 10, activation=0))


#: The models by name.
MODELS: dict[str, Callable[[], bytes]] = {"mobilenet_v2": mobilenet_v2, "vgg16": vgg16}


def write(name: str, folder: Path) -> Path:
    """Write a packed model into a folder, unless it is there."""
    path = folder / f"{name}.tflite"
    if not path.exists():
        content = pack(TfliteModel(MODELS[name]()), Manifest())
        path.write_bytes(content)
    return path


if __name__ == "__main__":
    for model_name in MODELS:
        print(write(model_name, Path(sys.argv[1])))
