"""The names in a group and the addresses that they refer to."""

from __future__ import annotations

from collections.abc import Iterator

from edgekit_converters.keras_files.hdf5.dense_storage import read_dense
from edgekit_converters.keras_files.hdf5.object_header import LINK, LINK_INFO, SYMBOL_TABLE, Message
from edgekit_converters.keras_files.hdf5.source import UNDEFINED, Fields, Source

_MAX_LEVEL = 16
_SOFT, _EXTERNAL = 1, 64
_CACHED_SOFT = 2


def read_links(source: Source, messages: list[Message], path: str) -> Iterator[tuple[str, int]]:
    """Read a group's members: names and addresses of their headers.

    Raises:
        UnsafeModelError: A member is a soft link, or a link to another file.
    """
    for message in messages:
        if message.kind == SYMBOL_TABLE:
            fields = Fields(source, message.data)
            tree, heap = fields.number(8), fields.number(8)
            yield from _symbol_table(source, tree, _open_names(source, heap), path)
        elif message.kind == LINK:
            yield _link(source, message.data, path)
        elif message.kind == LINK_INFO:
            fields = Fields(source, message.data, 1)
            if fields.number(1) & 1:
                fields.skip(8)
            for data in read_dense(source, fields.number(8), fields.number(8)):
                yield _link(source, data, path)


def _link(source: Source, data: bytes, path: str) -> tuple[str, int]:
    fields = Fields(source, data, 1)
    flags = fields.number(1)
    kind = fields.number(1) if flags & 0x08 else 0
    fields.skip((8 if flags & 0x04 else 0) + (1 if flags & 0x10 else 0))
    name = _text(source, fields.take(fields.number(1 << (flags & 3))))
    _refuse_soft(source, kind, f"{path}/{name}")
    return name, fields.number(8)


def _refuse_soft(source: Source, kind: int, path: str) -> None:
    if kind == _SOFT:
        raise source.unsafe(path, "is a soft link")
    if kind == _EXTERNAL:
        raise source.unsafe(path, "is a link to another file")
    if kind:
        raise source.unsafe(path, "is a link that needs a plug-in")


def _open_names(source: Source, address: int) -> bytes:
    """Read the names of an old-style group, which are stored one after the other."""
    fields = Fields(source, source.signed(address, 32, b"HEAP"), 8)
    size = fields.number(8)
    fields.skip(8)
    return source.read(fields.number(8), size)


def _symbol_table(
    source: Source, address: int, names: bytes, path: str, limit: int = _MAX_LEVEL
) -> Iterator[tuple[str, int]]:
    if source.read(address, 4) == b"SNOD":
        yield from _symbols(source, address, names, path)
        return
    fields = Fields(source, source.signed(address, 24, b"TREE"), 4)
    kind, level, used = fields.number(1), fields.number(1), fields.number(2)
    if kind != 0 or level >= limit:
        raise source.damaged("a group's table of names points to something else")
    entries = Fields(source, source.read(address + 24, 16 * used + 8))
    for _ in range(used):
        entries.skip(8)
        yield from _symbol_table(source, entries.number(8), names, path, level)


def _symbols(source: Source, address: int, names: bytes, path: str) -> Iterator[tuple[str, int]]:
    used = int.from_bytes(source.read(address + 6, 2), "little")
    entries = Fields(source, source.read(address + 8, 40 * used))
    for _ in range(used):
        name_offset, header = entries.number(8), entries.number(8)
        cached = entries.number(4)
        entries.skip(20)
        end = names.find(b"\0", name_offset)
        if end < 0:
            raise source.damaged("a name that does not end")
        name = _text(source, names[name_offset:end])
        if cached == _CACHED_SOFT or header == UNDEFINED:
            _refuse_soft(source, _SOFT, f"{path}/{name}")
        yield name, header


def _text(source: Source, data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise source.damaged("a name that is not UTF-8") from None
