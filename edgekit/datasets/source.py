"""Describes sources of examples with random access, which are read only on request."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

import numpy as np

#: Number of rows per read when all rows are visited in order.
_ROWS_AT_ONCE = 64


class Rows(Protocol):
    """Anything that rows can be read from: an array in memory or in a file."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape, with the axis of examples first."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: Any, /) -> Any: ...


@dataclass(eq=False)
class Source:
    """Examples as the user's files store them. Ground truth and slices are in memory, but the examples are not.

    Attributes:
        name: Name of the source, as given by the user.
        count: Number of examples.
        read: Returns the raw values of the given sorted rows, (N, ...), by input name or under ``UNNAMED``.
        hashes: Yields a hash of 16 bytes for every example, in order; equal examples have equal hashes.
        ground_truth: Ground truth by output name or under ``UNNAMED``: classes, int64 (N,), or real values, float32
            (N, ...); empty if the data has none.
        labels: Class names; empty if the source has none.
        groups: Slice of each example, str (N,), or None.
        held_back: True for the examples of the source's own test part, bool (N,), or None.
        name_of: Returns the name of the example at a row: its file, or its index in the file.
        notes: Returns sentences about changes made to the examples read so far, such as truncated recordings.
        changes: Number of examples changed so far, by the kind of change; what ``notes`` are made from.
    """

    name: str
    count: int
    read: Callable[[np.ndarray], dict[str, np.ndarray]]
    hashes: Callable[[], Iterator[bytes]]
    ground_truth: dict[str, np.ndarray] = field(default_factory=dict)
    labels: tuple[str, ...] = ()
    groups: np.ndarray | None = None
    held_back: np.ndarray | None = None
    name_of: Callable[[int], str] = str
    notes: Callable[[], tuple[str, ...]] = tuple
    changes: Counter[str] = field(default_factory=Counter)

    @cached_property
    def digests(self) -> np.ndarray:
        """A hash of 16 bytes for each example, S16 (N,), equal for equal examples; computed once, then kept."""
        return as_digests(self.hashes(), self.count)


def as_digests(hashes: Iterable[bytes], count: int = -1) -> np.ndarray:
    """Collect hashes of 16 bytes in one array, S16 (N,), because a list would need four times the memory."""
    return np.fromiter(hashes, "S16", count)


def row_hashes(*arrays: Rows) -> Iterator[bytes]:
    """Hash each row of arrays of equal length to 16 bytes; equal rows have equal hashes."""
    for start in range(0, len(arrays[0]), _ROWS_AT_ONCE):
        parts = [np.ascontiguousarray(array[start : start + _ROWS_AT_ONCE]) for array in arrays]
        for row in range(len(parts[0])):
            whole = hashlib.blake2b(digest_size=16)
            for part in parts:
                whole.update(part[row].data)
            yield whole.digest()
