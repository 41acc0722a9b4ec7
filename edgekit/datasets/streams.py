"""Streams of examples, which are read on each use and are never in memory as a whole.

Calibration, validation, the budget's search and the gate read their data through :class:`ExampleStream`, which
:func:`edgekit.datasets.opening.open_data` creates from the data that the user passed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from typing import Protocol

import numpy as np

from edgekit.datasets.source import Source
from edgekit_runtime.task import UNNAMED


class Conform(Protocol):
    """Converts values by name, as a source stores them, to the inputs of the model."""

    def __call__(self, stored: Mapping[str, np.ndarray], /) -> dict[str, np.ndarray]:
        """Values of each input, shape (N, ...), in the input's dtype."""

    def raw(self, stored: Mapping[str, np.ndarray], /) -> dict[str, np.ndarray]:
        """Those of the stored values that are recordings or strings, by input name."""


class Unchanged:
    """Passes values on as the source stores them, for code that converts them itself; a :class:`Conform`."""

    def __call__(self, stored: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The stored values."""
        return dict(stored)

    def raw(self, stored: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Empty, because nothing is prepared."""
        return {}


class Part(Enum):
    """A part of the data."""

    CALIBRATION = "calibration"
    HELD_BACK = "held back"
    EVERYTHING = "everything"


@dataclass(frozen=True, slots=True)
class Batch:
    """Some examples, converted to the inputs of the model.

    Attributes:
        inputs: Values by input name, shape (N, ...), in the input's dtype.
        ground_truth: Ground truth by output name: classes, int64 (N,), or real values, float32 (N, ...); under "" if
            the data names no output; empty if it has none.
        groups: Slice of each example, str (N,), or None.
        names: Name of each example: its file or its index.
        raw: The recordings or strings that ``inputs`` were prepared from, by input name.
    """

    inputs: dict[str, np.ndarray]
    ground_truth: dict[str, np.ndarray]
    groups: np.ndarray | None
    names: tuple[str, ...]
    raw: Mapping[str, np.ndarray] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.names)

    @property
    def y(self) -> np.ndarray | None:
        """The ground truth of data that names no output, or None."""
        return self.ground_truth.get(UNNAMED)


class ExampleStream(Protocol):
    """Examples that can be read from the start any number of times, always in the same order."""

    @property
    def name(self) -> str:
        """Name of the data, as given by the user."""

    @property
    def labels(self) -> tuple[str, ...]:
        """Class names; empty if the data has none."""

    @property
    def count(self) -> int | None:
        """Number of examples; None if it is unknown until all have been read."""

    @property
    def digest(self) -> str:
        """SHA-256 of the examples and their ground truth, in hex; data of a function is read once to compute it."""

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences about changes made to the examples read so far, such as truncated recordings."""

    def batches(self, size: int) -> Iterator[Batch]:
        """Yield all examples in batches of ``size``; the last batch may be smaller.

        Raises:
            DataError: An example is damaged, contains NaN or infinity, or is not compatible with the model.
        """

    def sample(self, count: int, *, seed: int) -> ExampleStream:
        """At most ``count`` of the examples, chosen by ``seed``, in their original order.

        If the number of examples is unknown, these are the first ones.
        """


@dataclass(frozen=True)
class StoredExamples:
    """Some rows of a source with random access; an :class:`ExampleStream`.

    Attributes:
        source: Source of the examples.
        rows: Sorted indices of its rows.
        conform: Converts raw values to the inputs of the model.
    """

    source: Source
    rows: np.ndarray
    conform: Conform

    @property
    def name(self) -> str:
        """Name of the data, as given by the user."""
        return self.source.name

    @property
    def labels(self) -> tuple[str, ...]:
        """Class names."""
        return self.source.labels

    @property
    def count(self) -> int:
        """Number of examples."""
        return len(self.rows)

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences about changes made to the examples read so far."""
        return self.source.notes()

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the examples and their ground truth, in hex."""
        whole = hashlib.sha256()
        whole.update(self.source.digests[self.rows].tobytes())
        for output, values in sorted(self.source.ground_truth.items()):
            whole.update(output.encode() + np.ascontiguousarray(values[self.rows]).tobytes())
        return whole.hexdigest()

    def batches(self, size: int) -> Iterator[Batch]:
        """Yield all examples in batches of ``size``; see :meth:`ExampleStream.batches`."""
        source = self.source
        for start in range(0, len(self.rows), size):
            rows = self.rows[start : start + size]
            stored = source.read(rows)
            yield Batch(
                inputs=self.conform(stored),
                ground_truth={output: values[rows] for output, values in source.ground_truth.items()},
                groups=None if source.groups is None else source.groups[rows],
                names=tuple(source.name_of(row) for row in rows.tolist()),
                raw=self.conform.raw(stored),
            )

    def sample(self, count: int, *, seed: int) -> StoredExamples:
        """At most ``count`` of the examples, chosen by ``seed``, in their original order."""
        chosen = np.random.default_rng(seed).permutation(len(self.rows))[:count]
        return StoredExamples(self.source, self.rows[np.sort(chosen)], self.conform)
