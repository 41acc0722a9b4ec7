"""Streams of examples: read as they are used, as often as they are used, and never whole.

Calibration, validation, the budget's search and the gate read their data through :class:`ExampleStream`;
:func:`edgekit.datasets.opening.open_data` makes one of whatever the user named.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import Protocol

import numpy as np

from edgekit.datasets.source import Source
from edgekit_runtime.task import UNNAMED

#: Brings raw values by name to what the model takes.
Conform = Callable[[Mapping[str, np.ndarray]], dict[str, np.ndarray]]


class Part(Enum):
    """Which of the examples."""

    CALIBRATION = "calibration"
    HELD_BACK = "held back"
    EVERYTHING = "everything"


@dataclass(frozen=True, slots=True)
class Batch:
    """Some examples, as the model takes them.

    Attributes:
        inputs: The values of each input by its name, shape (N, ...), in the input's dtype.
        targets: Class numbers, int64 (N,), or real targets, float32 (N, ...), by output name; under "" where the
            data names no output; empty where it has none.
        groups: The slice that each example belongs to, str (N,), or None.
        names: What each example is called: its file, or its number.
    """

    inputs: dict[str, np.ndarray]
    targets: dict[str, np.ndarray]
    groups: np.ndarray | None
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.names)

    @property
    def y(self) -> np.ndarray | None:
        """The targets of data that names no output, or None."""
        return self.targets.get(UNNAMED)


class ExampleStream(Protocol):
    """Examples that can be read from the start any number of times, always in the same order."""

    @property
    def name(self) -> str:
        """What the user called the data."""

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the classes; empty where the data has none."""

    @property
    def count(self) -> int | None:
        """Number of examples; None where only reading them all would tell."""

    @property
    def digest(self) -> str:
        """SHA-256 of the examples and their targets, in hex; data that can only be read is read for it once."""

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences on what reading did to the examples so far, such as cutting recordings."""

    def batches(self, size: int) -> Iterator[Batch]:
        """All examples, ``size`` at a time, the last time perhaps fewer.

        Raises:
            DataError: An example is damaged, holds NaN or infinity, or does not fit the model.
        """

    def sample(self, count: int, *, seed: int) -> ExampleStream:
        """At most ``count`` of the examples, chosen by ``seed``, in their order.

        Where the number of examples is not known, these are the first ones.
        """


@dataclass(frozen=True)
class StoredExamples:
    """Some rows of a source that can be read in any order; an :class:`ExampleStream`.

    Attributes:
        source: The source.
        rows: Which of its rows, sorted.
        conform: Brings raw values to what the model takes.
    """

    source: Source
    rows: np.ndarray
    conform: Conform

    @property
    def name(self) -> str:
        """What the user called the data."""
        return self.source.name

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the classes."""
        return self.source.labels

    @property
    def count(self) -> int:
        """Number of examples."""
        return len(self.rows)

    @property
    def notes(self) -> tuple[str, ...]:
        """What reading did to the examples so far."""
        return self.source.notes()

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the examples and their targets, in hex."""
        whole = hashlib.sha256()
        whole.update(self.source.digests[self.rows].tobytes())
        for output, values in sorted(self.source.targets.items()):
            whole.update(output.encode() + np.ascontiguousarray(values[self.rows]).tobytes())
        return whole.hexdigest()

    def batches(self, size: int) -> Iterator[Batch]:
        """All examples, ``size`` at a time; see :meth:`ExampleStream.batches`."""
        source = self.source
        for start in range(0, len(self.rows), size):
            rows = self.rows[start : start + size]
            yield Batch(
                inputs=self.conform(source.read(rows)),
                targets={output: values[rows] for output, values in source.targets.items()},
                groups=None if source.groups is None else source.groups[rows],
                names=tuple(source.name_of(row) for row in rows.tolist()),
            )

    def sample(self, count: int, *, seed: int) -> StoredExamples:
        """At most ``count`` of the examples, chosen by ``seed``, in their order."""
        chosen = np.random.default_rng(seed).permutation(len(self.rows))[:count]
        return StoredExamples(self.source, self.rows[np.sort(chosen)], self.conform)
