"""Packing a model's object form: the bytes of the generated code, without its loop over single bytes."""

from __future__ import annotations

import numpy as np
from ai_edge_litert.tools import flatbuffer_utils

from edgekit_converters.quantization.packing import packed
from edgekit_runtime.tflite.tflite_model import TfliteModel


def test_the_bytes_are_those_of_the_generated_code(small_cnn_tflite: TfliteModel) -> None:
    def read() -> object:
        return flatbuffer_utils.read_model_from_bytearray(bytearray(small_cnn_tflite.content))

    assert packed(read()) == bytes(flatbuffer_utils.convert_object_to_bytearray(read()))


def test_constants_in_any_form_are_copied_in_one_piece(small_cnn_tflite: TfliteModel) -> None:
    expected = packed(flatbuffer_utils.read_model_from_bytearray(bytearray(small_cnn_tflite.content)))
    for form in (bytes, memoryview, bytearray):
        graph_file = flatbuffer_utils.read_model_from_bytearray(bytearray(small_cnn_tflite.content))
        for buffer in graph_file.buffers:
            if buffer.data is not None:
                buffer.data = form(bytes(buffer.data))
        assert packed(graph_file) == expected
        assert all(buffer.data is None or type(buffer.data) is np.ndarray for buffer in graph_file.buffers)
