"""A source whose examples can be read in any order, none of them before it is asked for."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

import numpy as np

#: Rows that are read together where every row is looked at once.
_ROWS_AT_ONCE = 64


class Rows(Protocol):
    """What rows can be taken from: an array, or one that lies in a file."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes, examples first."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: Any, /) -> Any: ...


@dataclass(eq=False)
class Source:
    """Examples as the user's files hold them. Small things are in memory, the examples are not.

    Attributes:
        name: What the user called it.
        count: Number of examples.
        read: Gives the raw values of some rows (sorted), each (N, ...), by input name or under ``UNNAMED``.
        hashes: Gives 16 bytes for every example, in order; equal for equal examples.
        targets: Class numbers, int64 (N,), or real targets, float32 (N, ...), by output name or under ``UNNAMED``;
            empty where the data has none.
        labels: Names of the classes; empty where the source has none.
        groups: The slice that each example belongs to, str (N,), or None.
        held_back: True for examples that the source itself keeps for testing, bool (N,), or None.
        name_of: What to call an example, by its row: its file, or its number in the file.
        notes: Gives sentences on what reading did to the examples so far, such as cutting recordings.
    """

    name: str
    count: int
    read: Callable[[np.ndarray], dict[str, np.ndarray]]
    hashes: Callable[[], Iterator[bytes]]
    targets: dict[str, np.ndarray] = field(default_factory=dict)
    labels: tuple[str, ...] = ()
    groups: np.ndarray | None = None
    held_back: np.ndarray | None = None
    name_of: Callable[[int], str] = str
    notes: Callable[[], tuple[str, ...]] = tuple

    @cached_property
    def digests(self) -> np.ndarray:
        """16 bytes for each example, S16 (N,), equal for equal ones: read once, then kept."""
        return as_digests(self.hashes(), self.count)


def as_digests(hashes: Iterable[bytes], count: int = -1) -> np.ndarray:
    """Hashes of 16 bytes as one array, S16 (N,): a list of them would take four times the memory."""
    return np.fromiter(hashes, "S16", count)


def row_hashes(*arrays: Rows) -> Iterator[bytes]:
    """16 bytes for each row of arrays of equal length; equal for equal rows, and much smaller than these."""
    for start in range(0, len(arrays[0]), _ROWS_AT_ONCE):
        parts = [np.ascontiguousarray(array[start : start + _ROWS_AT_ONCE]) for array in arrays]
        for row in range(len(parts[0])):
            whole = hashlib.blake2b(digest_size=16)
            for part in parts:
                whole.update(part[row].data)
            yield whole.digest()
