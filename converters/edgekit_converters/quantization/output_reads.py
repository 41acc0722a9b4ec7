"""Handles outputs that other operators read as well.

If an output stays in float, litert-quantizer also gives its readers the float tensor, and quantizes these readers
nevertheless. The result is, for example, a RESHAPE from float to int8, which no interpreter can run.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from edgekit_converters.quantization.packing import packed
from edgekit_runtime.tflite.description import ModelDescription

_BETWEEN_TYPES = ("QUANTIZE", "DEQUANTIZE")


def has_read_outputs(description: ModelDescription) -> bool:
    """Whether an operator of the main graph reads one of the model's outputs."""
    main = description.subgraphs[0]
    return any(index in operator.inputs for operator in main.operators for index in main.outputs)


def with_integer_reads(model: bytes) -> bytes:
    """Let each operator that computes in integers read the integers that a float output was dequantized from.

    Args:
        model: Result of litert-quantizer; its structure need not be valid.
    """
    from ai_edge_litert import schema_py_generated as schema
    from ai_edge_litert.tools import flatbuffer_utils

    graph_file = flatbuffer_utils.read_model_from_bytearray(bytearray(model))
    graph = graph_file.subgraphs[0]
    between = {getattr(schema.BuiltinOperator, name): name for name in _BETWEEN_TYPES}
    kinds = [
        between.get(graph_file.operatorCodes[operator.opcodeIndex].builtinCode, "") for operator in graph.operators
    ]
    integers_of = {
        int(operator.outputs[0]): int(operator.inputs[0])
        for operator, kind in zip(graph.operators, kinds, strict=True)
        if kind == "DEQUANTIZE" and operator.outputs[0] in graph.outputs
    }
    for operator, kind in zip(graph.operators, kinds, strict=True):
        if not kind and _computes_in_integers(graph, operator, integers_of):
            operator.inputs = [integers_of.get(int(index), int(index)) for index in operator.inputs]
    return packed(graph_file)


def has_lost_outputs(description: ModelDescription) -> bool:
    """Whether the signature names another tensor than the main graph returns.

    litert-quantizer does that to an output of an embedding that other operators read as well: it returns the rows after
    they were quantized once more for these readers, and the signature still names the rows of the table.
    """
    named = {index for _, index in description.signatures[0].outputs}
    return named != set(description.subgraphs[0].outputs)


def with_named_float_outputs(model: bytes, names: Sequence[str]) -> bytes:
    """Return the float form of an output that was quantized once more, and let the signature name what is returned.

    Args:
        model: Result of litert-quantizer.
        names: Names of the outputs in the signature, in the order of the graph's outputs.
    """
    from ai_edge_litert import schema_py_generated as schema
    from ai_edge_litert.tools import flatbuffer_utils

    graph_file = flatbuffer_utils.read_model_from_bytearray(bytearray(model))
    graph = graph_file.subgraphs[0]
    kinds = [graph_file.operatorCodes[operator.opcodeIndex].builtinCode for operator in graph.operators]
    between = [
        (kind, int(operator.inputs[0]), int(operator.outputs[0]))
        for kind, operator in zip(kinds, graph.operators, strict=True)
        if kind in (schema.BuiltinOperator.QUANTIZE, schema.BuiltinOperator.DEQUANTIZE)
    ]
    float_of = {source: result for kind, source, result in between if kind == schema.BuiltinOperator.DEQUANTIZE}
    source_of = {result: source for kind, source, result in between if kind == schema.BuiltinOperator.QUANTIZE}
    graph.outputs = [float_of.get(source_of.get(int(index), -1), int(index)) for index in graph.outputs]
    index_of = dict(zip(names, graph.outputs, strict=True))
    for entry in graph_file.signatureDefs[0].outputs:
        entry.tensorIndex = index_of[entry.name.decode()]
    return packed(graph_file)


def _computes_in_integers(graph: Any, operator: Any, integers_of: dict[int, int]) -> bool:
    """Whether the results are quantized; results of a type that never is are decided by the other arguments."""
    results = [graph.tensors[index] for index in operator.outputs]
    if any(_is_float(tensor) for tensor in results):
        return False
    arguments = [graph.tensors[index] for index in operator.inputs if index != -1 and int(index) not in integers_of]
    return any(_is_quantized(tensor) for tensor in (*results, *arguments))


def _is_quantized(tensor: Any) -> bool:
    return (
        tensor.quantization is not None and tensor.quantization.scale is not None and len(tensor.quantization.scale) > 0
    )


def _is_float(tensor: Any) -> bool:
    from ai_edge_litert import schema_py_generated as schema

    return tensor.type in (schema.TensorType.FLOAT32, schema.TensorType.FLOAT16)
