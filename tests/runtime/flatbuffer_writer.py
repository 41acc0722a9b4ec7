"""Writes small FlatBuffers by hand, for tests that need one that no converter creates."""

from __future__ import annotations

import struct
from typing import Union

#: A field: an integer (stored as int32), text, bytes, a list of int32, a list of tables, or a table.
Field = Union[int, str, bytes, "list[int]", "list[dict[int, Field]]", "dict[int, Field]"]


def write(root: dict[int, Field], identifier: bytes = b"TFL3") -> bytes:
    """Return a FlatBuffer of tables, which are given as ``{field number: value}``."""
    data = bytearray(struct.pack("<I", 0) + identifier)
    struct.pack_into("<I", data, 0, _table(data, root))
    return bytes(data)


def _table(data: bytearray, fields: dict[int, Field]) -> int:
    """Append a table and return its position; every field takes four bytes."""
    count = max(fields, default=-1) + 1
    vtable = len(data)
    offsets = {field: 4 + 4 * place for place, field in enumerate(sorted(fields))}
    data += struct.pack("<HH", 4 + 2 * count, 4 + 4 * len(fields))
    data += b"".join(struct.pack("<H", offsets.get(field, 0)) for field in range(count))
    _align(data)
    position = len(data)
    data += struct.pack("<i", position - vtable) + bytes(4 * len(fields))
    for field, value in fields.items():
        place = position + offsets[field]
        if isinstance(value, int):
            struct.pack_into("<I", data, place, value & 0xFFFFFFFF)
        else:
            struct.pack_into("<I", data, place, _outside(data, value) - place)
    return position


def _outside(data: bytearray, value: Field) -> int:
    """Append the value that a field points to and return its position."""
    if isinstance(value, dict):
        return _table(data, value)
    _align(data)
    position = len(data)
    if isinstance(value, str):
        data += struct.pack("<I", len(value.encode())) + value.encode() + b"\0"
    elif isinstance(value, bytes):
        data += struct.pack("<I", len(value)) + value
    else:
        assert isinstance(value, list)
        data += struct.pack("<I", len(value)) + bytes(4 * len(value))
        for index, item in enumerate(value):
            place = position + 4 + 4 * index
            if isinstance(item, dict):
                struct.pack_into("<I", data, place, _table(data, item) - place)
            else:
                struct.pack_into("<i", data, place, item)
    _align(data)
    return position


def _align(data: bytearray) -> None:
    data += bytes(-len(data) % 4)
