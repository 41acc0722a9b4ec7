"""Gives parts of a tensor that no operator reads the type of the parts that are read."""

from __future__ import annotations

from edgekit_converters.quantization.packing import packed
from edgekit_runtime.tflite.description import ModelDescription

#: Operators whose kernels require all outputs to have the same type.
_DIVIDING = ("SPLIT", "SPLIT_V", "UNPACK")


def has_unread_parts(description: ModelDescription) -> bool:
    """Whether a model splits a tensor and leaves one of the parts unread."""
    for graph in description.subgraphs:
        read = {*graph.outputs, *(index for operator in graph.operators for index in operator.inputs)}
        if any(operator.name in _DIVIDING and not read.issuperset(operator.outputs) for operator in graph.operators):
            return True
    return False


def with_typed_parts(model: bytes) -> bytes:
    """Give each output of a splitting operator the type and quantization of the one that was quantized.

    litert-quantizer follows a tensor to its readers. A part without readers stays float32, and no interpreter can
    split integers into floats.

    Args:
        model: Result of litert-quantizer.
    """
    from ai_edge_litert import schema_py_generated as schema
    from ai_edge_litert.tools import flatbuffer_utils

    dividing = {getattr(schema.BuiltinOperator, name) for name in _DIVIDING}
    graph_file = flatbuffer_utils.read_model_from_bytearray(bytearray(model))
    for graph in graph_file.subgraphs:
        for operator in graph.operators:
            if graph_file.operatorCodes[operator.opcodeIndex].builtinCode not in dividing:
                continue
            parts = [graph.tensors[index] for index in operator.outputs]
            quantized = next((part for part in parts if part.type != schema.TensorType.FLOAT32), None)
            for part in parts:
                if quantized is not None and part.type == schema.TensorType.FLOAT32:
                    part.type, part.quantization = quantized.type, quantized.quantization
    return packed(graph_file)
