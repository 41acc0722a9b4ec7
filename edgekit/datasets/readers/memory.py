"""Accepts data in memory: arrays, batches, and functions or iterators that return batches."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgekit.datasets.readers.stored_arrays import plain
from edgekit_runtime.errors import DataError

#: An iterator can be consumed only once, so its items are kept; an endless one would fill the memory.
_MOST_KEPT_BYTES = 2_000_000_000


@dataclass(frozen=True, slots=True, eq=False)
class MemoryData:
    """Data that the caller passed as an object.

    Attributes:
        name: Name of the data, for messages.
        read: Returns all of the data at each call: an array, a dict by input name, a pair (inputs, labels), or an
            iterable.
    """

    name: str
    read: Callable[[], Any]

    def __str__(self) -> str:
        return self.name


def memory_data(value: Any) -> MemoryData | None:
    """Wrap data in memory; None for a value of another kind.

    Args:
        value: Inputs (N, ...) as an array or a dict of arrays by input name; a pair ``(inputs, labels)``; an iterable
            of single examples or of batches in one of these forms; or a function that returns arrays or such an
            iterable. Everything that NumPy can read is an array, such as tensors or a DataFrame.
    """
    if _is_array(value) or isinstance(value, Mapping) or _is_pair(value):
        arrays = _as_plain(value)
        return MemoryData("arrays in memory", lambda: arrays)
    if isinstance(value, (str, bytes)):
        return None
    if isinstance(value, Iterator):
        kept = _KeptItems(value)
        return MemoryData(f"{_name(value)} in memory", lambda: kept)
    if isinstance(value, Iterable):
        return MemoryData(f"{_name(value)} in memory", lambda: value)
    if callable(value):
        return MemoryData(f"{_name(value)}()", lambda: _result_of(value))
    return None


def _name(value: object) -> str:
    return str(getattr(value, "__name__", type(value).__name__)).lstrip("_")


def _is_array(value: object) -> bool:
    return hasattr(value, "__array__")


def _is_pair(value: object) -> bool:
    """Whether a value is a pair (inputs, labels), optionally with weights as the third item."""
    return isinstance(value, tuple) and len(value) in (2, 3) and (_is_array(value[0]) or isinstance(value[0], Mapping))


def _as_plain(value: Any) -> Any:
    """Convert arrays to the types that they would have if they were read from an .npz."""
    if isinstance(value, Mapping):
        return {str(key): _as_plain(each) for key, each in value.items()}
    if isinstance(value, tuple):
        return tuple(_as_plain(each) for each in value)
    return plain(np.asarray(value))


def _result_of(function: Callable[[], Any]) -> Any:
    result = function()
    return _as_plain(result) if _is_array(result) or isinstance(result, Mapping) or _is_pair(result) else result


class _KeptItems:
    """Keeps the items of an iterator, so that they can be iterated any number of times; each is fetched on demand.

    Args:
        items: Iterator to consume.
    """

    def __init__(self, items: Iterator[Any]) -> None:
        self._coming = items
        self._kept: list[Any] = []
        self._bytes = 0

    def __iter__(self) -> Iterator[Any]:
        place = 0
        while True:
            if place == len(self._kept):
                try:
                    item = next(self._coming)
                except StopIteration:
                    return
                self._kept.append(self._copied(item))
                self._require_room()
            yield self._kept[place]
            place += 1

    def _copied(self, item: Any) -> Any:
        """Copy the arrays of an item, because a generator may reuse one array for all items."""
        if isinstance(item, Mapping):
            return {key: self._copied(value) for key, value in item.items()}
        if isinstance(item, (tuple, list)):
            return type(item)(self._copied(value) for value in item)
        array = np.array(item)
        self._bytes += array.nbytes
        return array

    def _require_room(self) -> None:
        if self._bytes > _MOST_KEPT_BYTES:
            raise DataError(
                "The iterator gives more than can be kept: data is read several times, and an iterator only once.",
                expected=f"at most {_MOST_KEPT_BYTES / 1e9:.0f} GB",
                received=f"{self._bytes / 1e9:.1f} GB in {len(self._kept):,} items, and more to come",
                next_step="pass a function that returns a new iterator at every call, such as the generator function "
                "without its parentheses",
            )
