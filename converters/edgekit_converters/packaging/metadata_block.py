"""Adds metadata entries to an existing FlatBuffer: a block in front of it, with not a byte of it changed.

Offsets in a FlatBuffer are relative and point forward, so a new root table in front of the old content can point into
it. Removing the block later restores the old file exactly.

    root offset, "TFL3" | new root table | metadata and buffer lists | new entries and buffers | the whole old file
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Any

from edgekit_runtime.errors import ModelFileError
from edgekit_runtime.packed_file.model_file import MARKER
from edgekit_runtime.tflite.schema import Buffer, Metadata, Model
from edgekit_runtime.tflite.structure import FILE_IDENTIFIER

#: Number of fields of the schema's table Model.
_MODEL_FIELDS = 8
#: Alignment of buffer data in the schema; the old file's data stays aligned if the block's size is a multiple.
_ALIGNMENT = 16


def add_metadata(model: bytes, entries: Mapping[str, bytes]) -> bytes:
    """Put a block with metadata entries in front of a .tflite.

    Args:
        model: A FlatBuffer without such a block.
        entries: Content by name; it hides an entry of the same name in ``model``.
    Returns:
        The longer FlatBuffer. A model is returned unchanged if its weights lie outside its FlatBuffer, at offsets from
        the start of the file, since it cannot be moved, or if its root has fields of a later schema.
    """
    old = _OldModel(model)
    outside = any(old.scalar(buffer, Buffer.OFFSET, "Q") > 1 for buffer in old.tables(Model.BUFFERS))
    if outside or old.field_count > _MODEL_FIELDS:
        return model
    entries = {**entries, MARKER: bytes(4)}
    kept = [table for table in old.tables(Model.METADATA) if old.name(table) not in entries]
    block = _Block(old, kept, len(entries))
    places = [block.append_entry(name, content) for name, content in entries.items()]
    marker_content = places[list(entries).index(MARKER)]
    block.data += bytes(-len(block.data) % _ALIGNMENT)
    size = len(block.data)
    block.close(size)
    # The size of the block itself, which is needed to remove it.
    struct.pack_into("<I", block.data, marker_content, size)
    return bytes(block.data) + model


def block_size(model: bytes) -> int:
    """The size of the block that :func:`add_metadata` put in front of a FlatBuffer; 0 if there is none.

    Args:
        model: A .tflite whose structure has been checked.
    Raises:
        ModelFileError: There is a block, but no FlatBuffer behind it.
    """
    old = _OldModel(model)
    table = next((table for table in old.tables(Model.METADATA) if old.name(table) == MARKER), None)
    if table is None:
        return 0
    buffer = old.tables(Model.BUFFERS)[old.scalar(table, Metadata.BUFFER, "I")]
    start = old.vector(buffer, Buffer.DATA)
    size = struct.unpack_from("<I", model, start + 4)[0] if start else 0
    if not size or model[size + 4 : size + 8] != FILE_IDENTIFIER:
        raise ModelFileError("The model's metadata says that edgekit packed it, but edgekit did not.")
    return int(size)


class _OldModel:
    """Access to the parts of a FlatBuffer that a new root has to point to."""

    def __init__(self, data: bytes) -> None:
        from flatbuffers.table import Table

        self._data = data
        self.root = Table(data, struct.unpack_from("<I", data)[0])

    @property
    def field_count(self) -> int:
        """Number of fields in the root's vtable."""
        vtable = self.root.Pos - struct.unpack_from("<i", self._data, self.root.Pos)[0]
        return int(struct.unpack_from("<H", self._data, vtable)[0]) // 2 - 2

    def place(self, table: Any, field: int) -> int:
        """Position of a field, 0 if it is absent."""
        offset = table.Offset(4 + 2 * field)
        return int(table.Pos + offset) if offset else 0

    def scalar(self, table: Any, field: int, code: str) -> int:
        place = self.place(table, field)
        return int(struct.unpack_from("<" + code, self._data, place)[0]) if place else 0

    def vector(self, table: Any, field: int) -> int:
        """Start of the vector that a field points to, 0 if it is absent."""
        place = self.place(table, field)
        return place + int(struct.unpack_from("<I", self._data, place)[0]) if place else 0

    def tables(self, field: int) -> list[Any]:
        """The tables in a vector of the root."""
        from flatbuffers.table import Table

        start = self.vector(self.root, field)
        count = struct.unpack_from("<I", self._data, start)[0] if start else 0
        places = range(start + 4, start + 4 + 4 * count, 4)
        return [Table(self._data, place + struct.unpack_from("<I", self._data, place)[0]) for place in places]

    def name(self, metadata: Any) -> str:
        start = self.vector(metadata, Metadata.NAME)
        size = struct.unpack_from("<I", self._data, start)[0] if start else 0
        return self._data[start + 4 : start + 4 + size].decode(errors="replace")


def _place_in_new_table(table: int, field: int) -> int:
    """Position of a field in a table appended by :class:`_Block`: after the vtable offset, 4 bytes per field."""
    return table + 4 + 4 * field


class _Block:
    """The block under construction: a root and two lists, followed by what they point to."""

    def __init__(self, old: _OldModel, kept: Sequence[Any], added: int) -> None:
        self._old = old
        self._kept = kept
        self._old_buffers = old.tables(Model.BUFFERS)
        own = (Model.VERSION, Model.BUFFERS, Model.METADATA)
        fields = [field for field in range(_MODEL_FIELDS) if field in own or old.place(old.root, field)]
        offsets = {field: 4 + 4 * number for number, field in enumerate(fields)}
        vtable = struct.pack("<HH", 4 + 2 * _MODEL_FIELDS, 4 + 4 * len(fields))
        vtable += b"".join(struct.pack("<H", offsets.get(field, 0)) for field in range(_MODEL_FIELDS))
        self._root = 8 + len(vtable)
        self._fields = {field: self._root + offset for field, offset in offsets.items()}
        self.data = bytearray(struct.pack("<I4s", self._root, FILE_IDENTIFIER) + vtable)
        self.data += struct.pack("<i", len(vtable)) + bytes(4 * len(fields))
        self._metadata_list = self._open_list(Model.METADATA, len(kept) + added)
        self._buffer_list = self._open_list(Model.BUFFERS, len(self._old_buffers) + added)
        self._added = 0

    def _open_list(self, field: int, count: int) -> int:
        start = len(self.data)
        self.data += struct.pack("<I", count) + bytes(4 * count)
        self._point(self._fields[field], start)
        return start + 4

    def _point(self, place: int, target: int) -> None:
        struct.pack_into("<I", self.data, place, target - place)

    def append_entry(self, name: str, content: bytes) -> int:
        """Append one entry and its buffer, and return the position of ``content``."""
        number = len(self._old_buffers) + self._added
        entry = self._append_table(fields=2)
        self._point(self._metadata_list + 4 * (len(self._kept) + self._added), entry)
        struct.pack_into("<I", self.data, _place_in_new_table(entry, Metadata.BUFFER), number)
        self._point(_place_in_new_table(entry, Metadata.NAME), len(self.data))
        text = name.encode()
        self.data += struct.pack("<I", len(text)) + text + b"\0"
        self.data += bytes(-len(self.data) % 4)
        buffer = self._append_table(fields=1)
        self._point(self._buffer_list + 4 * number, buffer)
        # The vector's length is stored right before its aligned data.
        self.data += bytes(-(len(self.data) + 4) % _ALIGNMENT)
        self._point(_place_in_new_table(buffer, Buffer.DATA), len(self.data))
        self.data += struct.pack("<I", len(content)) + content
        place = len(self.data) - len(content)
        self.data += bytes(-len(self.data) % 4)
        self._added += 1
        return place

    def _append_table(self, fields: int) -> int:
        """Append a table of 4-byte fields, in order and all 0, and return its position."""
        vtable = len(self.data)
        offsets = [_place_in_new_table(0, field) for field in range(fields)]
        self.data += struct.pack(f"<HH{fields}H", 4 + 2 * fields, 4 + 4 * fields, *offsets)
        self.data += bytes(-len(self.data) % 4)
        table = len(self.data)
        self.data += struct.pack("<i", table - vtable) + bytes(4 * fields)
        return table

    def close(self, size: int) -> None:
        """Point to the old content, which starts ``size`` bytes after the block's start."""
        old = self._old
        for field, place in self._fields.items():
            if field == Model.VERSION:
                struct.pack_into("<I", self.data, place, old.scalar(old.root, Model.VERSION, "I"))
            elif field not in (Model.BUFFERS, Model.METADATA):
                self._point(place, size + old.vector(old.root, field))
        for number, table in enumerate(self._kept):
            self._point(self._metadata_list + 4 * number, size + table.Pos)
        for number, table in enumerate(self._old_buffers):
            self._point(self._buffer_list + 4 * number, size + table.Pos)
