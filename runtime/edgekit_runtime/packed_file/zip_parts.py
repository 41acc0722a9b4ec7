"""Reads the parts of a zip behind a FlatBuffer, without trusting them.

Importing the standard library's zipfile takes 5 ms, a fifteenth of a process's start-up time, mostly for features that
are not needed here. Source of the layout: PKWARE's APPNOTE.TXT, sections 4.3 and 4.4.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from edgekit_runtime.packed_file.mapped_file import Content

_END = struct.Struct("<4s4H2LH")
_ENTRY = struct.Struct("<4s6H3L5H2L")
_LOCAL = struct.Struct("<4s5H3L2H")
_STORED, _DEFLATED = 0, 8


class ZipPart(NamedTuple):
    """Position of a part, and its entry in the zip's directory."""

    name: str
    method: int
    checksum: int
    packed_size: int
    size: int
    start: int


def zip_end(model: Content) -> int:
    """Offset of the record that ends a zip, below 0 if there is none; at most 64 kB of comment follow the record."""
    end = model.rfind(b"PK\x05\x06", max(0, len(model) - _END.size - 0xFFFF))
    # Weights may contain these four bytes by chance.
    followed_by = int.from_bytes(model[end + 20 : end + 22], "little")
    return end if end >= 0 and end + _END.size + followed_by == len(model) else -1


def list_parts(model: Content) -> list[ZipPart]:
    """The parts that the zip's directory lists; an empty list if there is no zip.

    Raises:
        ValueError: The directory is damaged.
    """
    end = zip_end(model)
    return [] if end < 0 else _directory(model, end)[0]


def flatbuffer_end(model: Content) -> int:
    """Offset at which the FlatBuffer ends and the zip begins; the file's size if there is no zip.

    Raises:
        ValueError: The directory is damaged.
    """
    return min((part.start for part in list_parts(model)), default=len(model))


def require_no_gaps(model: Content) -> None:
    """Raise an error unless each byte behind the FlatBuffer belongs to a part, to its header or to the zip's directory.

    Extra fields and comments are refused as well: like gaps, they could contain anything.

    Raises:
        ValueError: There are other bytes; the message says which.
    """
    end = zip_end(model)
    if end < 0:
        return
    parts, directory = _directory(model, end)
    if end + _END.size != len(model):
        raise ValueError("it ends in a comment")
    if directory + sum(_ENTRY.size + len(part.name.encode()) for part in parts) != end:
        raise ValueError("its directory contains extra fields, comments or a gap")
    position = flatbuffer_end(model)
    for part in sorted(parts, key=lambda part: part.start):
        if part.start != position:
            raise ValueError(f"there is a gap or an overlap before {part.name!r}")
        if position + _LOCAL.size > directory:
            raise ValueError(f"{part.name!r} overlaps its directory")
        *_, name_size, extra_size = _LOCAL.unpack_from(model, part.start)
        if extra_size:
            raise ValueError(f"{part.name!r} has an extra field")
        position += _LOCAL.size + name_size + part.packed_size
    if position != directory:
        raise ValueError("there is a gap or an overlap before its directory")


def _directory(model: Content, end: int) -> tuple[list[ZipPart], int]:
    """The parts that the directory before ``end`` lists, and the offset at which the directory begins."""
    try:
        _, _, _, _, count, size, offset, _ = _END.unpack_from(model, end)
        position = end - size
        start = position
        # Offsets are relative to the start of the zip, or to the start of the file.
        moved = position - offset
        if position < 0 or moved < 0:
            raise ValueError("its directory lies outside the file")
        parts = []
        for _ in range(count):
            fields = _ENTRY.unpack_from(model, position)
            name_start = position + _ENTRY.size
            position = name_start + sum(fields[10:13])
            if fields[0] != b"PK\x01\x02" or position > end:
                raise ValueError("its directory is damaged")
            name = model[name_start : name_start + fields[10]].decode()
            parts.append(ZipPart(name, fields[4], fields[7], fields[8], fields[9], fields[16] + moved))
    except struct.error as error:
        raise ValueError(str(error)) from error
    return parts, start


def unpack_part(model: Content, part: ZipPart) -> bytes:
    """Decompress the content of a part.

    Raises:
        ValueError: The part is damaged, or compressed by a method other than deflate.
    """
    import zlib

    try:
        mark, *_, name_size, extra_size = _LOCAL.unpack_from(model, part.start)
        start = part.start + _LOCAL.size + name_size + extra_size
        packed = model[start : start + part.packed_size]
        if mark != b"PK\x03\x04" or model[start - extra_size - name_size : start - extra_size] != part.name.encode():
            raise ValueError("it is not where the directory says")
        if part.method not in (_STORED, _DEFLATED):
            raise ValueError(f"packed by method {part.method}")
        content = packed if part.method == _STORED else zlib.decompressobj(-15).decompress(packed, part.size + 1)
    except (struct.error, zlib.error) as error:
        raise ValueError(str(error)) from error
    if len(content) != part.size or zlib.crc32(content) != part.checksum:
        raise ValueError("its checksum does not match")
    return content
