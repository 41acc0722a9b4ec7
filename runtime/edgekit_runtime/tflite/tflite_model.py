"""A .tflite that has passed the structure check, with its description."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgekit_runtime.packed_file.mapped_file import MappedFile, content_of
from edgekit_runtime.tflite.description import ModelDescription
from edgekit_runtime.tflite.structure import read_model_description

if TYPE_CHECKING:
    from edgekit_runtime.packed_file.mapped_file import Content


class TfliteModel:
    """The content of a .tflite and its description: parsed once, then passed on instead of the bytes.

    The only way to create a ``TfliteModel`` is to parse its content, so native code that receives this content never
    sees anything that the structure check has not seen. Two models with the same content are equal.

    (This is not a dataclass, because it is loaded with every model, and defining a dataclass adds 0.5 ms to the
    start-up time of a process.)

    Args:
        content: Content of the whole file, or the file itself, mapped; a zip may follow the FlatBuffer.
    Raises:
        ModelFileError: The file is not a .tflite, or its structure is damaged.
    """

    __slots__ = ("_description", "_source")

    def __init__(self, content: bytes | MappedFile) -> None:
        # bytes() copies a mutable buffer, so that the checked content cannot change afterwards.
        self._source = content if isinstance(content, MappedFile) else bytes(content)
        self._description = read_model_description(self.buffer)

    @property
    def content(self) -> bytes:
        """Content of the whole file; a copy if the file is mapped."""
        return bytes(self.buffer)

    @property
    def buffer(self) -> Content:
        """Content of the whole file, without a copy if the file is mapped; not to be kept."""
        return content_of(self._source)

    @property
    def source(self) -> bytes | MappedFile:
        """What interpreters are created from."""
        return self._source

    @property
    def description(self) -> ModelDescription:
        """Subgraphs, signatures and metadata of the content."""
        return self._description

    def __len__(self) -> int:
        """Size of the content in bytes."""
        return len(self._source)

    def __eq__(self, other: object) -> bool:
        return self.content == other.content if isinstance(other, TfliteModel) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.content)

    def __repr__(self) -> str:
        return f"TfliteModel({len(self._source)} bytes)"
