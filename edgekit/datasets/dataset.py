"""Holds labelled examples for training and for testing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgekit.counting import counted
from edgekit_converters.result_display import ResultDisplay, Summary

#: A small file can unpack to more than fits in memory. No dataset for a small device is as large as this limit.
LARGEST_BYTES = 4_000_000_000
#: Indices and digests of all examples are kept in memory, and a header of a few bytes can declare any number of them.
MOST_EXAMPLES = 20_000_000


@dataclass(frozen=True, slots=True, repr=False)
class Dataset(ResultDisplay):
    """Training examples and held-back examples; no example is in both.

    Attributes:
        name: Name of the dataset, as given by the user.
        x_train: Training examples, (N, ...); uint8 pixels (N, H, W, C) for images, otherwise float32 or integers.
        y_train: Classes of the training examples, int64 (N,).
        x_test: Held-back examples, in the form of ``x_train``.
        y_test: Classes of the held-back examples, int64 (N,).
        labels: Class names.
        digest: SHA-256 of the whole content, in hex.
    """

    name: str
    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    labels: tuple[str, ...]
    digest: str

    def summary(self) -> Summary:
        """Sizes of both parts, class names and digest."""
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
