"""Attributes: small values attached to a group or an array."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgekit_converters.keras_files.hdf5.datatypes import (
    read_dataspace,
    read_datatype,
)
from edgekit_converters.keras_files.hdf5.dense_storage import read_dense
from edgekit_converters.keras_files.hdf5.object_header import ATTRIBUTE, ATTRIBUTE_INFO, Message
from edgekit_converters.keras_files.hdf5.source import Fields, Source


@dataclass(frozen=True, slots=True)
class _Stored:
    """An attribute as it is stored: the messages of its type and shape, and its bytes."""

    datatype: bytes
    dataspace: bytes
    data: bytes
    shared: bool


class Attributes(Mapping[str, Any]):
    """The attributes of one object; a value is read when it is accessed.

    A single string is ``str`` and a single number a numpy scalar. Several values are a numpy array: of ``object`` with
    ``str`` for strings, otherwise of the stored type.
    """

    def __init__(self, source: Source, messages: list[Message]) -> None:
        self._source = source
        self._stored = dict(_read_all(source, messages))

    def __getitem__(self, name: str) -> Any:
        stored, source = self._stored[name], self._source
        if stored.shared:
            raise source.unsupported("types that several objects share")
        kind, shape = read_datatype(source, stored.datatype), read_dataspace(source, stored.dataspace)
        size = math.prod(shape) * kind.size_bytes
        if size > len(stored.data):
            raise source.damaged(f"attribute '{name[:80]}' of shape {shape} has {len(stored.data)} bytes")
        data = stored.data[:size]
        if kind.dtype is None or kind.dtype.kind == "S":
            decode = _global_text if kind.dtype is None else _decoded
            texts = np.empty(math.prod(shape), object)
            texts[:] = [decode(source, data[i : i + kind.size_bytes]) for i in range(0, size, kind.size_bytes)]
            return texts.reshape(shape)[()]
        return np.frombuffer(data, kind.dtype).reshape(shape)[()]

    def __contains__(self, name: object) -> bool:
        return name in self._stored  # without reading the value

    def __iter__(self) -> Iterator[str]:
        return iter(self._stored)

    def __len__(self) -> int:
        return len(self._stored)


def _read_all(source: Source, messages: list[Message]) -> Iterator[tuple[str, _Stored]]:
    for message in messages:
        if message.kind == ATTRIBUTE and not message.shared:
            yield _read(source, message.data)
        elif message.kind == ATTRIBUTE_INFO:
            fields = Fields(source, message.data, 1)
            if fields.number(1) & 1:
                fields.skip(2)
            for data in read_dense(source, fields.number(8), fields.number(8)):
                yield _read(source, data)


def _read(source: Source, data: bytes) -> tuple[str, _Stored]:
    fields = Fields(source, data)
    version, flags = fields.number(1), fields.number(1)
    sizes = fields.number(2), fields.number(2), fields.number(2)
    if version not in (1, 2, 3):
        raise source.damaged(f"an attribute of version {version}")
    if version == 3:
        fields.skip(1)
    name, datatype, dataspace = (fields.padded(size) if version == 1 else fields.take(size) for size in sizes)
    shared = version > 1 and bool(flags & 3)
    return _decoded(source, name), _Stored(datatype, dataspace, fields.take(fields.left), shared)


def _global_text(source: Source, reference: bytes) -> str:
    """Read a variable-length string, which is stored with others in a collection of the global heap."""
    fields = Fields(source, reference)
    length, address, index = fields.number(4), fields.number(8), fields.number(4)
    if length == 0:
        return ""
    if address not in source.collections:
        source.collections[address] = _read_collection(source, address)
    position, size = source.collections[address].get(index, (0, 0))
    if length > size:
        raise source.damaged("a string that is not where it should be")
    return _decoded(source, source.read(position, length))


def _read_collection(source: Source, address: int) -> dict[int, tuple[int, int]]:
    """Map the numbers of a collection's items to their positions and sizes."""
    fields = Fields(source, source.signed(address, 16, b"GCOL"), 8)
    position, end = address + 16, address + fields.number(8)
    items: dict[int, tuple[int, int]] = {}
    while position + 16 <= end:
        item = Fields(source, source.read(position, 16))
        number = item.number(2)
        item.skip(6)
        size = item.number(8)
        if number == 0:  # the rest is free
            break
        items[number] = (position + 16, size)
        position += 16 + size + -size % 8
    return items


def _decoded(source: Source, data: bytes) -> str:
    try:
        return data.split(b"\0", 1)[0].decode("utf-8")
    except UnicodeDecodeError:
        raise source.damaged("a string that is not UTF-8") from None
