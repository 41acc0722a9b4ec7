"""Reads FlatBuffers without trusting them: every offset is checked before it is followed.

Source of the layout: the FlatBuffers "Internals" document. All numbers are little-endian.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from edgekit_runtime.errors import ModelFileError

if TYPE_CHECKING:
    from edgekit_runtime.packed_file.mapped_file import Content

_U16 = struct.Struct("<H")
_U32 = struct.Struct("<I")
_I32 = struct.Struct("<i")
_VTABLE_START = struct.Struct("<HH")
_SCALARS = {code: struct.Struct(f"<{code}") for code in "bBhHiIqQ"}


def damaged(what: str) -> ModelFileError:
    """The error for a file whose structure is damaged; ``what`` describes the damage."""
    return ModelFileError(
        f"The model file is damaged: {what}.",
        next_step="copy the file to this machine again, or convert the model again",
    )


def _outside(what: str) -> ModelFileError:
    return damaged(f"{what} lies outside the file")


class FlatBuffer:
    """The first ``size`` bytes of a file (by default all), with a budget of bytes that may be read.

    In a valid file, tables do not overlap. A damaged or malicious file could point thousands of tables to the same long
    vector and keep the reader busy for hours; the budget prevents that.

    Attributes:
        data: Content of the file.
        size: Number of bytes that offsets may point into.
    """

    def __init__(self, data: Content, size: int | None = None) -> None:
        self.data = data
        # The zip that may follow is not covered by the digest or the signature, so no offset may point into it.
        self.size = len(data) if size is None else size
        self._budget = 16 * self.size + 4096

    def root(self) -> Table:
        """The table that the first four bytes point to."""
        return Table(self, self.follow(0, "the root table"), "the root table")

    def follow(self, position: int, what: str) -> int:
        """The position that the offset stored at ``position`` points to."""
        last = self.size - 4
        if not 0 <= position <= last:
            raise _outside(what)
        target: int = position + _U32.unpack_from(self.data, position)[0]
        if target > last:
            raise _outside(what)
        self.spend(8, what)
        if target % 4:
            raise damaged(f"{what} is not aligned")
        return target

    def require(self, start: int, size: int, what: str) -> None:
        """Raise an error unless ``size`` bytes from ``start`` are inside the file and within the budget."""
        if start < 0 or start + size > self.size:
            raise _outside(what)
        self.spend(size, what)

    def spend(self, size: int, what: str) -> None:
        """Take bytes from the budget."""
        self._budget -= size
        if self._budget < 0:
            raise damaged(f"its parts overlap, first seen at {what}")

    def vector(self, position: int, item_size: int, what: str) -> tuple[int, int]:
        """Start and item count of the vector at ``position``."""
        self.require(position, 4, what)
        count = _U32.unpack_from(self.data, position)[0]
        self.require(position + 4, count * item_size, what)
        return position + 4, count


class Table:
    """One table with a checked vtable; fields are read by their number in the schema."""

    def __init__(self, buffer: FlatBuffer, position: int, what: str) -> None:
        self._buffer = buffer
        self._position = position
        self.what = what
        data, size = buffer.data, buffer.size
        if not 0 <= position <= size - 4:
            raise _outside(what)
        vtable = position - _I32.unpack_from(data, position)[0]
        if not 0 <= vtable <= size - 4:
            raise _outside(what)
        vtable_size, table_size = _VTABLE_START.unpack_from(data, vtable)
        if vtable_size < 4 or vtable_size % 2 or table_size < 4:
            raise damaged(f"{what} has an impossible layout")
        if vtable + vtable_size > size or position + table_size > size:
            raise _outside(what)
        buffer.spend(8 + vtable_size + table_size, what)
        self._fields = struct.unpack_from(f"<{vtable_size // 2 - 2}H", data, vtable + 4)
        for offset in self._fields:
            if offset and not 4 <= offset < table_size:
                raise damaged(f"{what} has a field outside itself")

    def place(self, field: int) -> int:
        """Position of the field's value; 0 if the field is not stored."""
        offset = self._fields[field] if field < len(self._fields) else 0
        return self._position + offset if offset else 0

    def scalar(self, field: int, code: str, default: int = 0) -> int:
        """An integer field; ``code`` is its format character in :mod:`struct`."""
        place = self.place(field)
        if not place:
            return default
        scalar = _SCALARS[code]
        # It begins inside the table, whose bytes the budget has counted.
        if place + scalar.size > self._buffer.size:
            raise _outside(self.what)
        return int(scalar.unpack_from(self._buffer.data, place)[0])

    def has(self, field: int) -> bool:
        """Whether the field is stored."""
        return self.place(field) != 0

    def numbers(self, field: int, dtype: str, what: str) -> np.ndarray | None:
        """A vector of numbers as a read-only array; ``None`` if the field is not stored."""
        place = self.place(field)
        if not place:
            return None
        what = f"{what} of {self.what}"
        numpy_dtype = np.dtype(dtype)
        start, count = self._buffer.vector(self._buffer.follow(place, what), numpy_dtype.itemsize, what)
        if start % numpy_dtype.itemsize:
            raise damaged(f"{what} is not aligned")
        return np.frombuffer(self._buffer.data, numpy_dtype, count, start)

    def integers(self, field: int, what: str) -> tuple[int, ...]:
        """A vector of int32; empty if the field is not stored."""
        place = self.place(field)
        if not place:
            return ()
        what = f"{what} of {self.what}"
        # Most are short, and an array would cost more than its numbers.
        start, count = self._buffer.vector(self._buffer.follow(place, what), 4, what)
        return struct.unpack_from(f"<{count}i", self._buffer.data, start)

    def indices(self, field: int, what: str, count: int, smallest: int = 0) -> tuple[int, ...]:
        """A vector of tensor numbers, each at least ``smallest`` and less than ``count``."""
        indices = self.integers(field, what)
        if indices and not (smallest <= min(indices) and max(indices) < count):
            raise damaged(f"the {what} of {self.what} name a tensor that does not exist")
        return indices

    def vector_place(self, field: int, what: str) -> tuple[int, int]:
        """Start and length of a vector of bytes; ``(0, 0)`` if the field is not stored."""
        place = self.place(field)
        if not place:
            return 0, 0
        what = f"{what} of {self.what}"
        return self._buffer.vector(self._buffer.follow(place, what), 1, what)

    def count(self, field: int, what: str) -> int:
        """The length of a vector of 32-bit numbers; 0 if the field is not stored."""
        return len(self.integers(field, what))

    def string(self, field: int, what: str) -> str:
        """A string field; empty if the field is not stored."""
        start, count = self.vector_place(field, what)
        if not start:
            return ""
        # Native code reads up to the terminating null byte, which the length does not include.
        self._buffer.require(start + count, 1, what)
        if self._buffer.data[start + count] != 0:
            raise damaged(f"{what} of {self.what} has no end")
        return self._buffer.data[start : start + count].decode("utf-8", errors="replace")

    def table(self, field: int, what: str) -> Table | None:
        """A table field; ``None`` if the field is not stored."""
        place = self.place(field)
        if not place:
            return None
        what = f"{what} of {self.what}"
        return Table(self._buffer, self._buffer.follow(place, what), what)

    def tables(self, field: int, what: str) -> Iterator[Table]:
        """The tables of a vector of tables, in order; none if the field is not stored."""
        place = self.place(field)
        if not place:
            return
        start, count = self._buffer.vector(self._buffer.follow(place, what), 4, what)
        for index in range(count):
            name = f"{what} {index}"
            yield Table(self._buffer, self._buffer.follow(start + 4 * index, name), name)
