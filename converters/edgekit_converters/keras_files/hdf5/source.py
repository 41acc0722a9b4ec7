"""Reads the bytes of an HDF5 file within limits."""

from __future__ import annotations

from typing import BinaryIO

from edgekit_runtime.errors import ModelFileError, UnsafeModelError

#: "No address" in files with 8-byte addresses.
UNDEFINED = 0xFFFF_FFFF_FFFF_FFFF
#: Limit for the total unpacked size of arrays, in addition to eight times the file's size.
MAX_UNPACKED_BYTES = 128 << 20
#: Listing, assigning and setting the weights read each array up to three times.
_MAX_READINGS = 6


class Source:
    """A file whose tables are read in pieces; a file whose references form a loop exhausts its budget.

    Attributes:
        name: Name of the file in messages.
        size_bytes: File size in bytes.
        collections: Collections of the global heap by their addresses: position and size of each item.
    """

    def __init__(self, file: BinaryIO, size_bytes: int, name: str) -> None:
        self.name = name
        self.size_bytes = size_bytes
        self.collections: dict[int, dict[int, tuple[int, int]]] = {}
        self._file = file
        # In a valid file, tables do not overlap, and arrays make up most of it. The rest of the budget is for
        # attributes that are read more than once.
        self._budget = 4 * size_bytes + (1 << 20)
        self._stored_bytes = 0
        self._unpacked_bytes = 0
        self._read_bytes = 0

    def read(self, offset: int, size: int) -> bytes:
        """Read a piece of a table, or of an attribute."""
        self._budget -= size + 16
        if self._budget < 0:
            raise self.damaged("its tables lead in circles")
        return self.read_values(offset, size)

    def read_values(self, offset: int, size: int) -> bytes:
        """Read a piece of an array's values."""
        if offset < 0 or size < 0 or offset + size > self.size_bytes:
            raise self.damaged(f"it points to {size} bytes at {offset}, beyond its end at {self.size_bytes}")
        self._file.seek(offset)
        data = self._file.read(size)
        if len(data) != size:
            raise self.damaged("it became shorter while it was read")
        return data

    def claim(self, path: str, stored_bytes: int, unpacked_bytes: int) -> None:
        """Count the size of arrays, so that no bytes are used by two of them, and the unpacked size of packed ones."""
        self._stored_bytes += stored_bytes
        self._unpacked_bytes += unpacked_bytes
        if self._stored_bytes > self.size_bytes:
            raise self.unsafe(path, f"brings the arrays to {self._stored_bytes} bytes in a file of {self.size_bytes}")
        if self._unpacked_bytes > MAX_UNPACKED_BYTES + 8 * self.size_bytes:
            raise self.unsafe(path, f"brings the unpacked arrays to {self._unpacked_bytes} bytes")

    def spend(self, path: str, size_bytes: int) -> None:
        """Count an array's values as they are read: one array may have many names."""
        self._read_bytes += size_bytes
        if self._read_bytes > _MAX_READINGS * (self._stored_bytes + self._unpacked_bytes):
            raise self.unsafe(path, f"is read again and again, {self._read_bytes} bytes in all")

    def signed(self, offset: int, size: int, signature: bytes) -> bytes:
        """Read a block that must start with ``signature``."""
        data = self.read(offset, size)
        if not data.startswith(signature):
            raise self.damaged(f"no {signature.decode()} block at {offset}")
        return data

    def damaged(self, what: str) -> ModelFileError:
        """Return the error for a file that contradicts itself."""
        return ModelFileError(
            f"{self.name} is damaged: {what}.", next_step="copy or download the file again, or save the model again"
        )

    def unsupported(self, what: str) -> ModelFileError:
        """Return the error for a part of HDF5 that Keras doesn't use."""
        return ModelFileError(
            f"{self.name} uses a part of HDF5 that Keras files don't: {what}.",
            next_step="load the file in Keras where it was made, and save it again",
        )

    def unsafe(self, path: str, what: str) -> UnsafeModelError:
        """Return the error for a file that refers to other files, or declares more than it stores."""
        place = f"{self.name}: '{path[:200]}'" if path else self.name
        return UnsafeModelError(
            f"{place} {what}.",
            expected="arrays of numbers that are stored in the file itself",
            next_step="don't use this file; ask its author for another copy",
        )


class Fields:
    """Reads little-endian numbers one after the other from a block."""

    def __init__(self, source: Source, data: bytes, position: int = 0) -> None:
        self.source = source
        self.data = data
        self.position = position

    def take(self, size: int) -> bytes:
        """Return the next ``size`` bytes."""
        end = self.position + size
        if size < 0 or end > len(self.data):
            raise self.source.damaged("a block ends too early")
        taken = self.data[self.position : end]
        self.position = end
        return taken

    def number(self, size: int) -> int:
        """Return the next ``size`` bytes as an unsigned number."""
        return int.from_bytes(self.take(size), "little")

    def skip(self, size: int) -> None:
        """Skip ``size`` bytes."""
        self.take(size)

    def padded(self, size: int) -> bytes:
        """Return the next ``size`` bytes, and skip the padding to a multiple of eight."""
        taken = self.take(size)
        self.take(-size % 8)
        return taken

    @property
    def left(self) -> int:
        """Number of bytes left."""
        return len(self.data) - self.position
