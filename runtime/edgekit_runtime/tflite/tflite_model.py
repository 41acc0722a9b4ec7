"""A .tflite that has passed the structure check, with what the check read."""

from __future__ import annotations

from edgekit_runtime.tflite.description import ModelDescription
from edgekit_runtime.tflite.structure import read_model_description


class TfliteModel:
    """The content of a .tflite and its description: parsed once, then passed on instead of the bytes.

    There is no other way to make one than to parse the content, so that native code which is given the content of a
    ``TfliteModel`` sees nothing that the structure check has not seen. Two of the same content are equal.

    (No dataclass: this is loaded with every model, and making a dataclass takes 0.5 ms of a process's start.)

    Args:
        content: The whole file; a zip may follow the FlatBuffer.
    Raises:
        ModelFileError: It is not a .tflite, or its structure is damaged.
    """

    __slots__ = ("_content", "_description")

    def __init__(self, content: bytes) -> None:
        # A buffer that its owner may still write to is copied: what was checked stays as it was.
        self._content = bytes(content)
        self._description = read_model_description(self._content)

    @property
    def content(self) -> bytes:
        """The whole file."""
        return self._content

    @property
    def description(self) -> ModelDescription:
        """Subgraphs, signatures and metadata of the content."""
        return self._description

    def __len__(self) -> int:
        """Size of the content in bytes."""
        return len(self._content)

    def __eq__(self, other: object) -> bool:
        return self._content == other._content if isinstance(other, TfliteModel) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._content)

    def __repr__(self) -> str:
        return f"TfliteModel({len(self._content)} bytes)"
