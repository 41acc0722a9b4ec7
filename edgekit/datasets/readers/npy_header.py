"""Reads the header of an ``.npy`` file or zip member and checks it before memory of the declared size is allocated."""

from __future__ import annotations

import math
import tokenize
import zipfile
import zlib
from dataclasses import dataclass
from typing import IO, Any

import numpy as np

from edgekit.datasets.dataset import LARGEST_BYTES, MOST_EXAMPLES

#: What NumPy and zipfile raise for damaged, encrypted and foreign members, and for a declared size that exceeds memory.
UNREADABLE = (
    OSError, ValueError, EOFError, RuntimeError, MemoryError, tokenize.TokenError, zipfile.BadZipFile, zlib.error,
)  # fmt: skip
#: NumPy's limit before version 2, which no model's input reaches.
_MOST_DIMENSIONS = 32
#: Dtype kinds of numbers and text, without structures, objects, dates and complex numbers.
_KINDS = "biufSU"


@dataclass(frozen=True, slots=True)
class NpyHeader:
    """The content of a header.

    Attributes:
        shape: Shape, with the axis of examples first.
        is_fortran: Whether the array is in Fortran order, in which the first index varies fastest.
        dtype: Dtype of the values.
    """

    shape: tuple[int, ...]
    is_fortran: bool
    dtype: np.dtype

    @property
    def size_bytes(self) -> int:
        """Size of the values in bytes."""
        return math.prod(self.shape) * self.dtype.itemsize


def read_header(stream: IO[bytes]) -> NpyHeader:
    """Read the header at the stream's position and leave the stream after it.

    Raises:
        ValueError: The header is damaged or does not describe an array of examples. A few bytes can declare any size.
    """
    version = np.lib.format.read_magic(stream)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, is_fortran, dtype = read(stream)
    if dtype.hasobject:
        raise ValueError("arrays of Python objects")
    if dtype.kind not in _KINDS or dtype.itemsize == 0:
        raise ValueError(f"values of type {dtype.str}, which are neither numbers nor text")
    _require_shape(shape)
    header = NpyHeader(tuple(shape), bool(is_fortran), dtype)
    if header.size_bytes == 0 and shape and shape[0]:
        raise ValueError(f"{shape[0]:,} examples without values, of shape {shape[1:]}")
    return header


def require_unpacked_size(header: NpyHeader) -> None:
    """Refuse an array that would be read into memory as a whole and is larger than any dataset.

    Raises:
        ValueError: The array is too large.
    """
    if header.size_bytes > LARGEST_BYTES:
        raise ValueError(f"{header.size_bytes / 1e9:,.1f} GB, more than {LARGEST_BYTES / 1e9:.0f} GB")


def _require_shape(shape: tuple[Any, ...]) -> None:
    if len(shape) > _MOST_DIMENSIONS:
        raise ValueError(f"{len(shape)} dimensions, more than {_MOST_DIMENSIONS}")
    if any(isinstance(size, bool) or size < 0 for size in shape):
        raise ValueError(f"the shape {shape}")
    if shape and shape[0] > MOST_EXAMPLES:
        raise ValueError(f"{shape[0]:,} examples, more than {MOST_EXAMPLES:,}")
