"""Keeps sizes dynamic if litert-quantizer puts an operator at a model's input or output."""

from __future__ import annotations

from typing import Any

from edgekit_converters.own_models import parse_quantized
from edgekit_converters.quantization.packing import packed
from edgekit_runtime.tflite.tflite_model import TfliteModel

_BETWEEN_TYPES = ("QUANTIZE", "DEQUANTIZE")


def with_open_sizes(model: TfliteModel) -> TfliteModel:
    """Give each tensor that QUANTIZE or DEQUANTIZE produced the dynamic sizes of the tensor it was made from.

    litert-quantizer drops them, and a model that accepts any batch size would seem to accept one example only.

    Args:
        model: Result of litert-quantizer.
    Returns:
        The same model if no size was lost.
    """
    lost = [
        (source, twin)
        for operator in model.description.operators
        if operator.name in _BETWEEN_TYPES
        for source, twin in ((operator.inputs[0], operator.outputs[0]), (operator.outputs[0], operator.inputs[0]))
    ]
    if not lost:
        return model
    from ai_edge_litert.tools import flatbuffer_utils

    graph_file = flatbuffer_utils.read_model_from_bytearray(bytearray(model.content))
    tensors = graph_file.subgraphs[0].tensors
    changed = [_copy_open_sizes(tensors[source], tensors[twin]) for source, twin in lost]
    return parse_quantized(packed(graph_file)) if any(changed) else model


def _copy_open_sizes(source: Any, twin: Any) -> bool:
    signature = source.shapeSignature
    if signature is None or -1 not in signature or twin.shapeSignature is not None:
        return False
    twin.shapeSignature = list(signature)
    return True
