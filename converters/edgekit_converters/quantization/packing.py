"""Serializes a FlatBuffer's object form to bytes without copying constants byte by byte."""

from __future__ import annotations

from typing import Any

import numpy as np


def packed(graph_file: Any) -> bytes:
    """Serialize a model that was read by ``ai_edge_litert.tools.flatbuffer_utils``.

    The generated code copies a constant in one piece if it is a numpy array. If it is a memory view, it copies byte by
    byte in Python, which takes seconds for a model of a few megabytes. The resulting bytes are the same.

    Args:
        graph_file: ``ModelT`` of the schema; its buffers become numpy arrays.
    """
    from ai_edge_litert.tools import flatbuffer_utils

    for buffer in graph_file.buffers:
        if buffer.data is not None and not isinstance(buffer.data, np.ndarray):
            buffer.data = np.frombuffer(bytes(buffer.data), np.uint8)
    return bytes(flatbuffer_utils.convert_object_to_bytearray(graph_file))
