"""Digests of the parts of a .tflite that decide its predictions: graph, constants and their quantization.

They ignore metadata and whatever is packed behind the FlatBuffer: repacking labels or the description does not change
them, while a single flipped byte of a weight does.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from itertools import pairwise

from edgekit_runtime.tflite.description import ModelDescription
from edgekit_runtime.tflite.flatbuffer import FlatBuffer, Table
from edgekit_runtime.tflite.schema import Buffer, Metadata, Model

#: A constant of fewer bytes is usually a bias or a shape, which may be the same in two models.
_SMALL = 64
#: Digests per constant: training changes all parts of a tensor, damage changes one.
_PARTS = 4


@dataclass(frozen=True, slots=True)
class ContentDigest:
    """Digests of the parts of a model.

    Attributes:
        graph: SHA-256 of operators, tensors and their quantization, hexadecimal.
        constants: For each constant of 64 bytes or more, in file order: the first 8 hex digits of the SHA-256 of each
            quarter. The last entry has 16 digits for all smaller constants together.
    """

    graph: str
    constants: tuple[str, ...]

    @property
    def whole(self) -> str:
        """SHA-256 over graph and constants, hexadecimal."""
        return hashlib.sha256(" ".join((self.graph, *self.constants)).encode()).hexdigest()


def content_digest(content: bytes, description: ModelDescription) -> ContentDigest:
    """Compute the digests of the graph and the constants.

    Args:
        content: The whole file.
        description: Result of ``edgekit_runtime.tflite.structure.read_model_description``, which has checked the file.
    """
    graph = hashlib.sha256(json.dumps(description.subgraphs).encode())
    model = FlatBuffer(content).root()
    metadata = {entry.scalar(Metadata.BUFFER, "I") for entry in model.tables(Model.METADATA, "metadata")}
    large, small = [], hashlib.sha256()
    for number, buffer in enumerate(model.tables(Model.BUFFERS, "buffer")):
        data = b"" if number in metadata else _data(content, buffer)
        if len(data) >= _SMALL:
            large.append(_digest_of_parts(data))
        elif data:
            small.update(hashlib.sha256(data).digest())
    return ContentDigest(graph.hexdigest(), (*large, small.hexdigest()[:16]))


def differs_in_part(constant: str, other: str) -> bool:
    """Whether two digests of large constants are equal in some quarters but not in all."""
    size = max(len(constant), len(other)) // _PARTS
    same = {constant[start : start + size] == other[start : start + size] for start in range(0, size * _PARTS, size)}
    return len(same) > 1


def _digest_of_parts(data: bytes | memoryview) -> str:
    ends = [len(data) * part // _PARTS for part in range(_PARTS + 1)]
    return "".join(hashlib.sha256(data[start:end]).hexdigest()[:8] for start, end in pairwise(ends))


def _data(content: bytes, buffer: Table) -> memoryview:
    start, size = buffer.vector_place(Buffer.DATA, "data")
    offset = buffer.scalar(Buffer.OFFSET, "Q")
    # As in edgekit_runtime.tflite.structure: offsets 0 and 1 mean that the data is inside the FlatBuffer.
    if offset > 1:
        start, size = offset, buffer.scalar(Buffer.SIZE, "Q")
    return memoryview(content)[start : start + size]
