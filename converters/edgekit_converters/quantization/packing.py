"""A FlatBuffer's object form back to bytes, at the speed of a copy."""

from __future__ import annotations

from typing import Any

import numpy as np


def packed(graph_file: Any) -> bytes:
    """Serialize a model that ``ai_edge_litert.tools.flatbuffer_utils`` read.

    The generated code copies a constant in one piece where it is a numpy array and byte by byte in Python where it is
    a memory view, which takes seconds for a model of some megabytes; the bytes are the same.

    Args:
        graph_file: The schema's ``ModelT``; its buffers become numpy arrays.
    """
    from ai_edge_litert.tools import flatbuffer_utils

    for buffer in graph_file.buffers:
        if buffer.data is not None and not isinstance(buffer.data, np.ndarray):
            buffer.data = np.frombuffer(bytes(buffer.data), np.uint8)
    return bytes(flatbuffer_utils.convert_object_to_bytearray(graph_file))
