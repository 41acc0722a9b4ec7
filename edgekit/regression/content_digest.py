"""A digest of what a .tflite computes with: its graph, its constants and their quantization.

It ignores metadata and whatever is packed behind the FlatBuffer, so a model keeps it when its labels or its
description are packed anew, and loses it with a single flipped byte of a weight.
"""

from __future__ import annotations

import hashlib
import json

from edgekit_runtime.description import ModelDescription, plain
from edgekit_runtime.flatbuffer import FlatBuffer, Table

# Field numbers of the tables of schema.fbs.
_MODEL_BUFFERS, _MODEL_METADATA = 4, 6
_METADATA_BUFFER = 1


def content_digest(content: bytes, description: ModelDescription) -> str:
    """SHA-256 over operators, tensors and constants, in hex.

    Args:
        content: The whole file.
        description: What ``edgekit_runtime.structure.read_model_description`` made of it, which has checked it.
    """
    whole = hashlib.sha256(json.dumps(plain(description.subgraphs), sort_keys=True).encode())
    model = FlatBuffer(content).root()
    metadata = {entry.scalar(_METADATA_BUFFER, "I") for entry in model.tables(_MODEL_METADATA, "metadata")}
    for number, buffer in enumerate(model.tables(_MODEL_BUFFERS, "buffer")):
        if number not in metadata:
            whole.update(hashlib.sha256(_data(content, buffer)).digest())
    return whole.hexdigest()


def _data(content: bytes, buffer: Table) -> memoryview:
    start, size = buffer.vector_place(0, "data")
    offset = buffer.scalar(1, "Q")
    # As in edgekit_runtime.structure: offsets 0 and 1 say that the data is in the FlatBuffer.
    if offset > 1:
        start, size = offset, buffer.scalar(2, "Q")
    return memoryview(content)[start : start + size]
