"""Inputs and outputs of a lowered model: the source's names and order, and a separate tensor for each output.

TensorFlow's converter sorts inputs and outputs by hash. It returns a tensor that the model returns twice only once,
and an input that the model returns as the input tensor itself. Quantization then renames and retypes that input, and
code that identifies outputs by tensor loses one.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from edgekit_converters.own_models import parse_lowered
from edgekit_converters.quantization.packing import packed
from edgekit_runtime.tflite.description import ModelDescription
from edgekit_runtime.tflite.tflite_model import TfliteModel


def with_source_names_and_order(
    model: TfliteModel, inputs: Mapping[str, str] | None = None, outputs: Mapping[str, str] | None = None
) -> TfliteModel:
    """Use the source's order and names for inputs and outputs, and give each output its own tensor.

    Args:
        model: A float .tflite with a signature.
        inputs: The source's name of each input by its name in the signature, in the source's order; None keeps the
            names and the order of the signature.
        outputs: The same for outputs.
    Returns:
        The same model if nothing has to change.
        The model itself if everything is as it should be.
    """
    description = model.description
    if not description.signatures:
        return model
    signature = description.signatures[0]
    inputs = inputs or {name: name for name, _ in signature.inputs}
    outputs = outputs or {name: name for name, _ in signature.outputs}
    if _is_settled(description, inputs, outputs):
        return model
    from ai_edge_litert.tools import flatbuffer_utils

    graph_file = flatbuffer_utils.read_model_from_bytearray(bytearray(model.content))
    stored = graph_file.signatureDefs[0]
    graph = graph_file.subgraphs[stored.subgraphIndex]
    stored.inputs, graph.inputs = _ordered(stored.inputs, inputs)
    stored.outputs, graph.outputs = _ordered(stored.outputs, outputs)
    _give_each_output_its_own_tensor(graph_file, stored, graph)
    return parse_lowered(packed(graph_file))


def _is_settled(description: ModelDescription, inputs: Mapping[str, str], outputs: Mapping[str, str]) -> bool:
    signature = description.signatures[0]
    graph = description.subgraphs[signature.subgraph]
    for ends, stored, indices in (
        (inputs, signature.inputs, graph.inputs),
        (outputs, signature.outputs, graph.outputs),
    ):
        index_of = dict(stored)
        if any(old != new for old, new in ends.items()) or [index_of[name] for name in ends] != list(indices):
            return False
    return not _shared_outputs(graph.inputs, graph.outputs, [tensor.is_constant for tensor in graph.tensors])


def _shared_outputs(inputs: Sequence[int], outputs: Sequence[int], is_constant: Sequence[bool]) -> list[int]:
    """Indices of the outputs that are also an input, a constant or an earlier output."""
    return [
        place
        for place, index in enumerate(outputs)
        if index in inputs or is_constant[index] or index in outputs[:place]
    ]


def _ordered(stored: Sequence[Any], names: Mapping[str, str]) -> tuple[list[Any], list[int]]:
    """The signature's entries in the source's order, renamed, and the indices of their tensors."""
    entries = {entry.name.decode(): entry for entry in stored}
    ordered = [entries[name] for name in names]
    for entry, name in zip(ordered, names.values(), strict=True):
        entry.name = name.encode()
    return ordered, [entry.tensorIndex for entry in ordered]


def _give_each_output_its_own_tensor(graph_file: Any, signature: Any, graph: Any) -> None:
    written = {index for operator in graph.operators for index in operator.outputs}
    is_constant = [index not in written and index not in graph.inputs for index in range(len(graph.tensors))]
    for place in _shared_outputs(graph.inputs, graph.outputs, is_constant):
        copied = _append_copy(graph_file, graph, graph.outputs[place], signature.outputs[place].name)
        graph.outputs[place] = signature.outputs[place].tensorIndex = copied


def _append_copy(graph_file: Any, graph: Any, index: int, name: bytes) -> int:
    """Append a SLICE that copies a whole tensor; every interpreter supports it for all types and dynamic sizes."""
    from ai_edge_litert import schema_py_generated as schema

    twin = copy.copy(graph.tensors[index])
    names = {tensor.name for tensor in graph.tensors}
    twin.name = next(each for each in (name, *(b"%s_%d" % (name, n) for n in range(len(names)))) if each not in names)
    twin.buffer = 0
    twin.isVariable = False
    graph.tensors.append(twin)
    copied = len(graph.tensors) - 1
    rank = len(twin.shape)
    begin = _append_constant(graph_file, graph, twin.name + b"/begin", [0] * rank)
    size = _append_constant(graph_file, graph, twin.name + b"/size", [-1] * rank)
    operator = schema.OperatorT()
    operator.opcodeIndex = _operator_code(graph_file, schema.BuiltinOperator.SLICE)
    operator.inputs, operator.outputs = [index, begin, size], [copied]
    operator.builtinOptionsType = schema.BuiltinOptions.SliceOptions
    operator.builtinOptions = schema.SliceOptionsT()
    graph.operators.append(operator)
    return copied


def _append_constant(graph_file: Any, graph: Any, name: bytes, values: Sequence[int]) -> int:
    import numpy as np
    from ai_edge_litert import schema_py_generated as schema

    buffer = schema.BufferT()
    buffer.data = np.array(values, "<i4").view(np.uint8)
    graph_file.buffers.append(buffer)
    tensor = schema.TensorT()
    tensor.name, tensor.type, tensor.shape = name, schema.TensorType.INT32, [len(values)]
    tensor.buffer = len(graph_file.buffers) - 1
    graph.tensors.append(tensor)
    return len(graph.tensors) - 1


def _operator_code(graph_file: Any, operator: int) -> int:
    from ai_edge_litert import schema_py_generated as schema

    for place, known in enumerate(graph_file.operatorCodes):
        if known.builtinCode == operator and known.version == 1:
            return place
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = operator
    code.version = 1
    graph_file.operatorCodes.append(code)
    return len(graph_file.operatorCodes) - 1
