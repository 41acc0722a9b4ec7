"""The messages of an object header: each describes one property of a group or an array."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from edgekit_converters.keras_files.hdf5.source import Fields, Source

DATASPACE, LINK_INFO, DATATYPE, LINK = 0x01, 0x02, 0x03, 0x06
EXTERNAL_FILES, LAYOUT, FILTERS, ATTRIBUTE = 0x07, 0x08, 0x0B, 0x0C
SHARED_MESSAGES, CONTINUATION, SYMBOL_TABLE, ATTRIBUTE_INFO = 0x0F, 0x10, 0x11, 0x15

_SHARED = 0x02
_MAX_MESSAGES = 100_000


@dataclass(frozen=True, slots=True)
class Message:
    """One message.

    Attributes:
        kind: Message type in the specification.
        data: Content.
        shared: Whether the content is elsewhere, and ``data`` only says where.
    """

    kind: int
    data: bytes
    shared: bool


def read_messages(source: Source, address: int) -> list[Message]:
    """Read all messages of the object whose header is at ``address``."""
    start = source.read(address, 16)
    new = start.startswith(b"OHDR")
    if new:
        first, size, flags = _second_version(source, start, address)
        blocks = [(first, size)]
    elif start[0] == 1:
        flags, blocks = 0, [(address + 16, int.from_bytes(start[8:12], "little"))]
    else:
        raise source.damaged(f"no object at {address}")
    messages: list[Message] = []
    while blocks:
        offset, size = blocks.pop(0)
        fields = Fields(source, source.read(offset, size))
        for message in _messages_2(fields, flags) if new else _messages_1(fields):
            if message.kind == CONTINUATION:
                blocks.append(_continuation(source, message, new))
            else:
                messages.append(message)
            if len(messages) > _MAX_MESSAGES:
                raise source.damaged(f"an object has more than {_MAX_MESSAGES} messages")
    return messages


def _second_version(source: Source, start: bytes, address: int) -> tuple[int, int, int]:
    """Position of the messages of a version 2 header, their length, and the header's flags."""
    if start[4] != 2:
        raise source.damaged(f"an object header of version {start[4]}")
    flags = start[5]
    position = 6 + (16 if flags & 0x20 else 0) + (4 if flags & 0x10 else 0)
    width = 1 << (flags & 3)
    size = int.from_bytes(source.read(address + position, width), "little")
    return address + position + width, size, flags


def _continuation(source: Source, message: Message, new: bool) -> tuple[int, int]:
    fields = Fields(source, message.data)
    offset, size = fields.number(8), fields.number(8)
    if new:
        source.signed(offset, 4, b"OCHK")
        return offset + 4, size - 8  # without the signature and the checksum
    return offset, size


def _messages_1(fields: Fields) -> Iterator[Message]:
    while fields.left >= 8:
        kind, size, flags = fields.number(2), fields.number(2), fields.number(1)
        fields.skip(3)
        yield Message(kind, fields.take(size), bool(flags & _SHARED))


def _messages_2(fields: Fields, header_flags: int) -> Iterator[Message]:
    tracks_order = header_flags & 0x04
    while fields.left >= (6 if tracks_order else 4):
        kind, size, flags = fields.number(1), fields.number(2), fields.number(1)
        if tracks_order:
            fields.skip(2)
        yield Message(kind, fields.take(size), bool(flags & _SHARED))
