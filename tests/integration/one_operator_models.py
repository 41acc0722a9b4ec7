"""Models of one operator, made with numpy alone: each kind of output at the price of a few hundred bytes."""

from __future__ import annotations

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils


def one_operator(shape: tuple[int, ...], operator: str) -> bytes:
    """A float32 .tflite from ``x`` to ``y``, both of shape (N, *shape).

    Args:
        shape: Sizes without the batch.
        operator: ``SOFTMAX``, ``LOGISTIC``, or ``ADD``, which adds 0.
    """
    graph, zero = schema.SubGraphT(), schema.BufferT()
    zero.data = list(np.zeros(1, np.float32).tobytes())
    graph.tensors = [_tensor("x", (1, *shape)), _tensor("y", (1, *shape))]
    operation, code = schema.OperatorT(), schema.OperatorCodeT()
    operation.opcodeIndex, operation.inputs, operation.outputs = 0, [0], [1]
    if operator == "SOFTMAX":
        operation.builtinOptionsType = schema.BuiltinOptions.SoftmaxOptions
        operation.builtinOptions = schema.SoftmaxOptionsT()
        operation.builtinOptions.beta = 1.0
    if operator == "ADD":
        graph.tensors.append(_tensor("zero", (1,), buffer=1))
        operation.inputs = [0, 2]
        operation.builtinOptionsType = schema.BuiltinOptions.AddOptions
        operation.builtinOptions = schema.AddOptionsT()
    graph.inputs, graph.outputs, graph.operators = [0], [1], [operation]
    code.builtinCode = code.deprecatedBuiltinCode = getattr(schema.BuiltinOperator, operator)
    code.version = 1
    whole = schema.ModelT()
    whole.version, whole.operatorCodes, whole.subgraphs = 3, [code], [graph]
    whole.buffers = [schema.BufferT(), zero]
    return bytes(flatbuffer_utils.convert_object_to_bytearray(whole))


def _tensor(name: str, shape: tuple[int, ...], *, buffer: int = 0) -> schema.TensorT:
    tensor = schema.TensorT()
    tensor.name, tensor.shape, tensor.buffer = name, list(shape), buffer
    tensor.type, tensor.hasRank = schema.TensorType.FLOAT32, True
    if not buffer:
        tensor.shapeSignature = [-1, *shape[1:]]
    return tensor
