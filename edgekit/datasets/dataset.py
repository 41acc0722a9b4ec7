"""Labelled examples, with a part that is held back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgekit.counting import counted
from edgekit_converters.result_display import ResultDisplay, Summary

#: A small file can unpack to more than any memory holds; no data set for a small device is as large as this.
LARGEST_BYTES = 4_000_000_000
#: Numbers and digests of examples are in memory; a few bytes could state any number of them.
MOST_EXAMPLES = 20_000_000


@dataclass(frozen=True, slots=True, repr=False)
class Dataset(ResultDisplay):
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

    def summary(self) -> Summary:
        """Sizes of both parts, classes, digest."""
        return Summary(
            f"Data set {self.name}",
            (
                ("to learn from", _described(self.x_train)),
                ("held back", _described(self.x_test)),
                (counted(len(self.labels), "class", "classes"), ", ".join(self.labels)),
                ("sha256", self.digest),
            ),
        )


def _described(examples: np.ndarray) -> str:
    sizes = " × ".join(map(str, examples.shape[1:])) or "single numbers"
    return f"{counted(len(examples), 'example')}, {sizes} {examples.dtype}"
