"""Types of the values of an array or attribute: numpy types, and variable-length strings."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from edgekit_converters.keras_files.hdf5.source import Fields, Source

_INTEGER, _FLOAT, _STRING, _OPAQUE, _ENUM, _VARIABLE = 0, 1, 3, 5, 8, 9
_NAMES = {2: "times", 4: "bit fields", 6: "compounds", 7: "references", 10: "arrays as values", 11: "complex numbers"}
# Bits of the exponent and of the mantissa, by the size in bytes.
_IEEE = {2: (5, 10), 4: (8, 23), 8: (11, 52)}
_MAX_RANK = 16
#: More values than fit into any memory; numpy cannot even describe a larger array without values.
_MAX_VALUES = 1 << 45
#: A variable-length string is stored as its length and its location: address and index in the global heap.
_VARIABLE_ITEM_BYTES = 16


@dataclass(frozen=True, slots=True)
class Datatype:
    """The type of one value.

    Attributes:
        dtype: numpy type; None for variable-length strings.
        size_bytes: Size of one value in the file, in bytes.
    """

    dtype: np.dtype | None
    size_bytes: int


def read_datatype(source: Source, data: bytes) -> Datatype:
    """Read a datatype message."""
    fields = Fields(source, data)
    kind, bits, size = fields.number(1) & 0x0F, fields.take(3), fields.number(4)
    order = ">" if bits[0] & 1 else "<"
    if kind == _INTEGER and size in (1, 2, 4, 8):
        _whole_bytes(fields, size)
        return Datatype(np.dtype(f"{order}{'i' if bits[0] & 8 else 'u'}{size}"), size)
    if kind == _FLOAT and size in _IEEE:
        _whole_bytes(fields, size)
        fields.skip(1)
        exponent_bits = fields.number(1)
        fields.skip(1)
        if (exponent_bits, fields.number(1)) != _IEEE[size]:
            raise source.unsupported(f"numbers of {size} bytes that are not IEEE's")
        return Datatype(np.dtype(f"{order}f{size}"), size)
    if kind == _STRING and 0 < size <= 1 << 20:
        return Datatype(np.dtype(f"S{size}"), size)
    if kind == _OPAQUE and 0 < size <= 16:
        return Datatype(np.dtype(f"V{size}"), size)
    if kind == _ENUM:
        return read_datatype(source, fields.take(fields.left)) if fields.left < len(data) else _unknown(source, kind)
    if kind == _VARIABLE and bits[0] & 0x0F == 1 and size == _VARIABLE_ITEM_BYTES:
        return Datatype(None, size)
    return _unknown(source, kind)


def read_dataspace(source: Source, data: bytes) -> tuple[int, ...]:
    """Read a dataspace message: the shape, ``()`` for a single value and ``(0,)`` for none."""
    fields = Fields(source, data)
    version, rank = fields.number(1), fields.number(1)
    if rank > _MAX_RANK:
        raise source.damaged(f"an array of {rank} axes")
    fields.skip(1)
    if version == 1:
        fields.skip(5)
    elif version != 2:
        raise source.damaged(f"a shape of version {version}")
    elif fields.number(1) == 2:
        return (0,)
    shape = tuple(fields.number(8) for _ in range(rank))
    if math.prod(axis for axis in shape if axis) >= _MAX_VALUES:
        raise source.unsafe("", f"holds an array of the shape {shape[:8]}")
    return shape


def _whole_bytes(fields: Fields, size: int) -> None:
    if fields.number(2) != 0 or fields.number(2) != 8 * size:
        raise fields.source.unsupported("numbers that use only part of their bytes")


def _unknown(source: Source, kind: int) -> Datatype:
    raise source.unsupported(f"values that are {_NAMES.get(kind, f'of class {kind}')}")
