"""Arrays: their shape and type, the location of their values, and how these are packed."""

from __future__ import annotations

import copy
import math
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from edgekit_converters.keras_files.hdf5.datatypes import read_dataspace, read_datatype
from edgekit_converters.keras_files.hdf5.object_header import (
    DATASPACE,
    DATATYPE,
    EXTERNAL_FILES,
    FILTERS,
    LAYOUT,
    Message,
)
from edgekit_converters.keras_files.hdf5.source import UNDEFINED, Fields, Source

_COMPACT, _CONTIGUOUS, _CHUNKED, _VIRTUAL = 0, 1, 2, 3
_GZIP, _SHUFFLE, _FLETCHER32 = 1, 2, 3
#: Filters that are part of HDF5 but that nobody packs weights with.
_RARE_FILTERS = {4: "szip", 5: "nbit", 6: "scaleoffset", 32000: "lzf"}
_CHECKSUM_BYTES = 4
#: Deflate's limit is 1032 : 1, which zeros reach.
_MAX_RATIO = 1_040
_MAX_LEVEL = 16


@dataclass(frozen=True, slots=True)
class _Chunk:
    """One packed piece of an array; each bit of ``skipped`` marks a filter that was not applied to it."""

    corner: tuple[int, ...]
    address: int
    size_bytes: int
    skipped: int


@dataclass(frozen=True, slots=True)
class _Values:
    """Location of the values: in the header (``inline``), in one piece, or in chunks of equal shape."""

    stored_bytes: int
    inline: bytes = b""
    address: int = 0
    chunk_shape: tuple[int, ...] = ()
    chunks: tuple[_Chunk, ...] = ()
    filters: tuple[int, ...] = ()


class Array:
    """An array of numbers in the file.

    Attributes:
        shape: Shape of the array.
        size_bytes: Size of its unpacked values in bytes.
    """

    def __init__(self, source: Source, messages: list[Message], path: str) -> None:
        """Check that the array is within the file and that its shape is consistent with the stored bytes.

        Raises:
            UnsafeModelError: The values are in another file, need a plug-in, or are fewer than the shape requires.
        """
        by_kind = {message.kind: message for message in messages}
        if EXTERNAL_FILES in by_kind:
            raise source.unsafe(path, "keeps its values in another file (external storage)")
        if DATASPACE not in by_kind or DATATYPE not in by_kind or LAYOUT not in by_kind:
            raise source.damaged(f"'{path[:200]}' is neither a group nor an array")
        if by_kind[DATASPACE].shared or by_kind[DATATYPE].shared:
            raise source.unsupported("types that several objects share")
        self._source = source
        self._path = path
        self._reads_values = True
        self._datatype = by_kind[DATATYPE].data
        self.shape = read_dataspace(source, by_kind[DATASPACE].data)
        self._item_bytes = Fields(source, self._datatype, 4).number(4)
        self.size_bytes = math.prod(self.shape) * self._item_bytes
        filters = _read_filters(source, by_kind[FILTERS], path) if FILTERS in by_kind else ()
        self._values = _read_layout(source, by_kind[LAYOUT], len(self.shape), filters, path)
        self._check_size()

    @property
    def dtype(self) -> np.dtype:
        """The type of the values.

        Raises:
            ModelFileError: They are neither numbers nor fixed-length strings.
        """
        kind = read_datatype(self._source, self._datatype)
        if kind.dtype is None:
            raise self._source.unsupported(f"'{self._path[:200]}', an array of strings")
        return kind.dtype

    def without_values(self) -> Array:
        """Return the same array with zeros for values, which take neither time nor memory."""
        empty = copy.copy(self)
        empty._reads_values = False
        return empty

    def read(self) -> np.ndarray:
        """Read the values; the result is read-only if they are stored in one piece."""
        values, dtype = self._values, self.dtype
        if not self._reads_values:
            return np.broadcast_to(np.zeros((), dtype), self.shape)
        self._source.spend(self._path, self.size_bytes)
        if values.chunk_shape:
            return self._read_chunks(dtype)
        if values.inline or not self.size_bytes:
            data = values.inline[: self.size_bytes]
        else:
            data = self._source.read_values(values.address, self.size_bytes)
        return np.frombuffer(data, dtype).reshape(self.shape)

    def _check_size(self) -> None:
        source, values = self._source, self._values
        packed = _GZIP in values.filters
        if self.size_bytes > values.stored_bytes * (_MAX_RATIO if packed else 1):
            stored = f"{values.stored_bytes} bytes are stored"
            raise source.unsafe(self._path, f"has the shape {self.shape}, {self.size_bytes} bytes, but {stored}")
        if values.chunk_shape:
            chunk_bytes = math.prod(values.chunk_shape) * self._item_bytes
            grid = math.prod(-(-axis // chunk) for axis, chunk in zip(self.shape, values.chunk_shape, strict=True))
            if chunk_bytes > max(8 * self.size_bytes, 1 << 20):
                raise source.unsafe(self._path, f"has chunks of {chunk_bytes} bytes for {self.size_bytes} of values")
            if len(values.chunks) != grid:
                raise source.unsafe(self._path, f"stores {len(values.chunks)} of its {grid} chunks")
        source.claim(self._path, values.stored_bytes, self.size_bytes if packed else 0)

    def _read_chunks(self, dtype: np.dtype) -> np.ndarray:
        shape = self._values.chunk_shape
        array = np.zeros(self.shape, dtype)
        for chunk in self._values.chunks:
            data = self._unpacked(chunk, math.prod(shape) * dtype.itemsize)
            area = tuple(slice(at, at + size) for at, size in zip(chunk.corner, shape, strict=True))
            target = array[area]
            # A chunk at the far edge extends beyond the array.
            target[...] = np.frombuffer(data, dtype).reshape(shape)[tuple(slice(size) for size in target.shape)]
        return array

    def _unpacked(self, chunk: _Chunk, size: int) -> bytes:
        data = self._source.read_values(chunk.address, chunk.size_bytes)
        for position, number in reversed(list(enumerate(self._values.filters))):
            if chunk.skipped >> position & 1:
                continue
            if number == _GZIP:
                data = self._inflated(data, size + _CHECKSUM_BYTES)
            elif number == _FLETCHER32:
                data = data[:-_CHECKSUM_BYTES]
            else:
                items = len(data) // self._item_bytes
                whole = np.frombuffer(data[: items * self._item_bytes], np.uint8)
                data = whole.reshape(self._item_bytes, items).T.tobytes()
        if len(data) != size:
            raise self._source.damaged(f"a chunk of '{self._path[:200]}' has {len(data)} bytes, not {size}")
        return data

    def _inflated(self, data: bytes, most: int) -> bytes:
        try:
            return zlib.decompressobj().decompress(data, most)
        except zlib.error as error:
            raise self._source.damaged(f"a chunk of '{self._path[:200]}' cannot be unpacked ({error})") from None


def _read_filters(source: Source, message: Message, path: str) -> tuple[int, ...]:
    fields = Fields(source, message.data)
    version, amount = fields.number(1), fields.number(1)
    if version not in (1, 2) or message.shared:
        raise source.damaged(f"a list of filters of version {version}")
    fields.skip(6 if version == 1 else 0)
    filters = []
    for _ in range(amount):
        number = fields.number(2)
        name_bytes = fields.number(2) if version == 1 or number >= 256 else 0
        fields.skip(2)
        parameters = fields.number(2)
        fields.skip(name_bytes + (-name_bytes % 8 if version == 1 else 0) + 4 * parameters)
        fields.skip(4 if version == 1 and parameters % 2 else 0)
        if number in _RARE_FILTERS:
            raise source.unsupported(f"'{path[:200]}' is packed with {_RARE_FILTERS[number]}")
        if number not in (_GZIP, _SHUFFLE, _FLETCHER32):
            raise source.unsafe(path, f"is packed with filter {number}, which needs a plug-in")
        filters.append(number)
    if filters.count(_GZIP) > 1:
        raise source.unsafe(path, "is compressed twice")
    return tuple(filters)


def _read_layout(source: Source, message: Message, rank: int, filters: tuple[int, ...], path: str) -> _Values:
    fields = Fields(source, message.data)
    version, kind = fields.number(1), fields.number(1)
    if version not in (3, 4):
        raise source.unsupported(f"arrays stored as before 2004 (layout {version})")
    if kind == _VIRTUAL:
        raise source.unsafe(path, "is a virtual data set, made of other files' values")
    if kind == _COMPACT:
        inline = fields.take(fields.number(2))
        return _Values(len(inline), inline=inline)
    if kind == _CONTIGUOUS:
        address, size = fields.number(8), fields.number(8)
        if address == UNDEFINED:
            address, size = 0, 0
        elif address + size > source.size_bytes:
            raise source.damaged(f"the values of '{path[:200]}' lie beyond the file's end")
        return _Values(size, address=address)
    if kind != _CHUNKED:
        raise source.unsafe(path, f"has an unknown layout ({kind})")
    if version == 4:
        raise source.unsupported(f"'{path[:200]}' is in chunks as HDF5 1.10 stores them")
    if fields.number(1) != rank + 1:
        raise source.damaged(f"the chunks of '{path[:200]}' have other axes than the array")
    address = fields.number(8)
    shape = tuple(fields.number(4) for _ in range(rank))
    if 0 in shape or rank == 0:
        raise source.damaged(f"empty chunks in '{path[:200]}'")
    chunks = () if address == UNDEFINED else tuple(_read_chunk_table(source, address, rank))
    if len({chunk.corner for chunk in chunks}) != len(chunks):
        raise source.damaged(f"'{path[:200]}' has two chunks for one place")
    stored = sum(chunk.size_bytes for chunk in chunks)
    return _Values(stored, chunk_shape=shape, chunks=chunks, filters=filters)


def _read_chunk_table(source: Source, address: int, rank: int, limit: int = _MAX_LEVEL) -> Iterator[_Chunk]:
    fields = Fields(source, source.signed(address, 24, b"TREE"), 4)
    kind, level, used = fields.number(1), fields.number(1), fields.number(2)
    if kind != 1 or level >= limit:
        raise source.damaged("a table of chunks points to something else")
    key_bytes = 8 * (rank + 2)
    entries = Fields(source, source.read(address + 24, used * (key_bytes + 8)))
    for _ in range(used):
        size, skipped = entries.number(4), entries.number(4)
        corner = tuple(entries.number(8) for _ in range(rank))
        entries.skip(8)
        child = entries.number(8)
        if level:
            yield from _read_chunk_table(source, child, rank, level)
        else:
            yield _Chunk(corner, child, size, skipped)
