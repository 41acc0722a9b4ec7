"""uint8 inputs and outputs for an int8 model: one QUANTIZE operator at each edge.

int8 and uint8 differ only by a shift of the zero point, so no precision is lost.
"""

from __future__ import annotations

import copy
from typing import Any

from edgekit_converters.quantization.packing import packed

_SHIFT = 128


def to_uint8_io(model: bytes) -> bytes:
    """Give every int8 input and output of ``model`` the type uint8.

    Args:
        model: FlatBuffer whose first subgraph has int8 inputs or outputs.
    Returns:
        The changed FlatBuffer; the names in the signature refer to the new tensors.
    """
    from ai_edge_litert.tools import flatbuffer_utils

    graph_file = flatbuffer_utils.read_model_from_bytearray(bytearray(model))
    graph = graph_file.subgraphs[0]
    quantize_code = _add_quantize_operator(graph_file)
    for index in list(graph.inputs):
        if _is_int8(graph.tensors[index]):
            outer = _add_uint8_twin(graph, index)
            graph.operators.insert(0, _requantize(quantize_code, outer, index))
            _rewire(graph_file, graph.inputs, "inputs", index, outer)
    for index in list(graph.outputs):
        if _is_int8(graph.tensors[index]):
            outer = _add_uint8_twin(graph, index)
            graph.operators.append(_requantize(quantize_code, index, outer))
            _rewire(graph_file, graph.outputs, "outputs", index, outer)
    return packed(graph_file)


def _is_int8(tensor: Any) -> bool:
    from ai_edge_litert import schema_py_generated as schema

    return bool(tensor.type == schema.TensorType.INT8)


def _add_quantize_operator(graph_file: Any) -> int:
    """Append the operator code of QUANTIZE, version 2 (integer to integer), and return its index."""
    from ai_edge_litert import schema_py_generated as schema

    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.QUANTIZE
    code.version = 2
    graph_file.operatorCodes.append(code)
    return len(graph_file.operatorCodes) - 1


def _add_uint8_twin(graph: Any, index: int) -> int:
    """Append a uint8 tensor with the same real values, and return its index."""
    from ai_edge_litert import schema_py_generated as schema

    twin = copy.deepcopy(graph.tensors[index])
    twin.type = schema.TensorType.UINT8
    twin.quantization.zeroPoint = [int(point) + _SHIFT for point in twin.quantization.zeroPoint]
    twin.buffer = 0
    inner = graph.tensors[index]
    inner.name = inner.name + b"_int8"
    graph.tensors.append(twin)
    return len(graph.tensors) - 1


def _requantize(operator_code: int, source: int, destination: int) -> Any:
    from ai_edge_litert import schema_py_generated as schema

    operator = schema.OperatorT()
    operator.opcodeIndex = operator_code
    operator.inputs = [source]
    operator.outputs = [destination]
    return operator


def _rewire(graph_file: Any, ends: Any, side: str, inner: int, outer: int) -> None:
    """Make the outer tensor the graph's input or output, and update the signature."""
    for place, index in enumerate(ends):
        if index == inner:
            ends[place] = outer
    for signature in graph_file.signatureDefs or []:
        for mapping in getattr(signature, side):
            if mapping.tensorIndex == inner:
                mapping.tensorIndex = outer
