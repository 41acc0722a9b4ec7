"""Labelled examples, with a part that is held back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

#: A small file can unpack to more than any memory holds; no data set for a small device is as large as this.
LARGEST_BYTES = 4_000_000_000
#: Numbers and digests of examples are in memory; a few bytes could state any number of them.
MOST_EXAMPLES = 20_000_000


@dataclass(frozen=True, slots=True)
class Dataset:
    """Examples to learn from and examples held back; none is in both.

    Attributes:
        name: What the user called it.
        x_train: Examples to learn from, (N, ...); uint8 pixels (N, H, W, C) for images, else float32 or integers.
        y_train: Their classes, int64 (N,).
        x_test: Examples held back, as ``x_train``.
        y_test: Their classes, int64 (N,).
        labels: Name of each class.
        digest: SHA-256 of all the content, in hex.
    """

    name: str
    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    labels: tuple[str, ...]
    digest: str


@dataclass(frozen=True, slots=True)
class Examples:
    """Examples as a source holds them, not yet checked.

    Attributes:
        x: (N, ...).
        y: (N,), or (N, 1).
    """

    x: np.ndarray
    y: np.ndarray
