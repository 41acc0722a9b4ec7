"""Reads protocol buffers field by field, lazily and in bounded time, without TensorFlow's classes."""

from __future__ import annotations

from collections.abc import Iterator

#: A 64-bit varint takes at most ten bytes.
_LONGEST_VARINT = 10
_VARINT, _FIXED64, _LENGTH_DELIMITED, _FIXED32 = 0, 1, 2, 5


class MessageReader:
    """Reads messages of one file.

    Args:
        most_fields: Number of fields that may be read before the file is considered hostile.
    """

    def __init__(self, most_fields: int) -> None:
        self._left = most_fields

    def fields(self, message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
        """Yield the number and value of each field, in the order of the file.

        Args:
            message: The bytes of one message.
        Yields:
            Field number, and an int or a view of a string, a nested message or a fixed-size number.
        Raises:
            ValueError: The bytes are not a message, or the file has too many fields.
        """
        position, end = 0, len(message)
        while position < end:
            self._left -= 1
            if self._left < 0:
                raise ValueError("the file has too many fields")
            key, position = _varint(message, position)
            number, wire_type = key >> 3, key & 7
            if wire_type == _VARINT:
                value, position = _varint(message, position)
                yield number, value
                continue
            if wire_type == _LENGTH_DELIMITED:
                size, position = _varint(message, position)
            elif wire_type in (_FIXED32, _FIXED64):
                size = 4 if wire_type == _FIXED32 else 8
            else:
                raise ValueError(f"wire type {wire_type} is not one of a field")
            if size > end - position:
                raise ValueError("a field is longer than its message")
            yield number, message[position : position + size]
            position += size

    def values(self, message: memoryview, number: int) -> Iterator[memoryview]:
        """Yield the strings or nested messages of one field number."""
        for found, value in self.fields(message):
            if found == number and isinstance(value, memoryview):
                yield value


def text(value: memoryview) -> str:
    """Decode a string field, whatever its bytes are."""
    return bytes(value).decode(errors="replace")


def _varint(message: memoryview, position: int) -> tuple[int, int]:
    value = 0
    for count in range(_LONGEST_VARINT):
        if position + count >= len(message):
            break
        byte = message[position + count]
        value |= (byte & 0x7F) << (7 * count)
        if byte < 0x80:
            return value, position + count + 1
    raise ValueError("a varint does not end")
