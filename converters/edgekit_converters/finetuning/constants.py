"""Constants of a float .tflite that training changes: finds them and writes them back."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np

from edgekit_converters.finetuning.operators import BIASES, WEIGHTS
from edgekit_converters.quantization.packing import packed


def with_own_biases(model: bytes) -> bytes:
    """Give every layer a bias tensor of its own, so that each can be trained; results stay the same.

    The TensorFlow converter lets layers share one tensor if their biases are equal, as zeros are.

    Args:
        model: The float32 FlatBuffer.
    """
    from ai_edge_litert.tools import flatbuffer_utils

    graph_file = flatbuffer_utils.read_model_from_bytearray(bytearray(model))
    for graph in graph_file.subgraphs:
        readers = Counter(int(index) for operator in graph.operators for index in operator.inputs)
        for operator in graph.operators:
            position = BIASES.get(flatbuffer_utils.opcode_to_name(graph_file, operator.opcodeIndex), -1)
            index = int(operator.inputs[position]) if 0 <= position < len(operator.inputs) else -1
            if index < 0 or readers[index] < 2 or not _is_constant(graph_file, graph.tensors[index]):
                continue
            readers[index] -= 1
            own = copy.deepcopy(graph.tensors[index])
            own.name = graph.tensors[operator.outputs[0]].name + b"/own_bias"
            graph_file.buffers.append(copy.deepcopy(graph_file.buffers[own.buffer]))
            own.buffer = len(graph_file.buffers) - 1
            graph.tensors.append(own)
            operator.inputs = [*map(int, operator.inputs)]
            operator.inputs[position] = len(graph.tensors) - 1
    return packed(graph_file)


def with_constants(model: bytes, values: Mapping[tuple[int, int], np.ndarray]) -> bytes:
    """Write new values of constants.

    Args:
        model: The float32 FlatBuffer.
        values: Float32 arrays in the shape of the tensor, by subgraph and tensor number.
    """
    from ai_edge_litert.tools import flatbuffer_utils

    graph_file = flatbuffer_utils.read_model_from_bytearray(bytearray(model))
    for (subgraph, index), array in values.items():
        # Tensors with equal values share a buffer.
        buffer = copy.copy(graph_file.buffers[0])
        buffer.data = np.frombuffer(array.astype("<f4").tobytes(), np.uint8)
        graph_file.buffers.append(buffer)
        graph_file.subgraphs[subgraph].tensors[index].buffer = len(graph_file.buffers) - 1
    used = {tensor.buffer for graph in graph_file.subgraphs for tensor in graph.tensors}
    used |= {each.buffer for each in graph_file.metadata or []}
    for number, buffer in enumerate(graph_file.buffers):
        if number not in used:
            buffer.data = None
    return packed(graph_file)


def _is_constant(graph_file: Any, tensor: Any) -> bool:
    data = graph_file.buffers[tensor.buffer].data
    return data is not None and len(data) > 0


def trainable_inputs(kind: str) -> tuple[int, ...]:
    """Positions of the inputs of an operator that training changes if they are constants."""
    return (WEIGHTS[kind], BIASES[kind]) if kind in WEIGHTS else ()
