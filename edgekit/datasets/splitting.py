"""Holding examples back, so that none is on both sides, not even as a copy."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator

import numpy as np

from edgekit.datasets.dataset import Examples
from edgekit_runtime.errors import DataError

_HELD_BACK = 0.2


def hold_back(name: str, examples: Examples, *, seed: int) -> tuple[Examples, Examples]:
    """Split into training and test, a fifth of every class for the test; copies stay on one side.

    Args:
        name: What the user called the source, for messages.
        examples: All examples.
        seed: Seed of the choice.
    Returns:
        Training and test examples, each in the order of ``examples``.
    Raises:
        DataError: A class has one example only, or copies of one.
    """
    from sklearn.model_selection import train_test_split

    first_of = _first_copies(examples.x)
    originals = np.unique(first_of)
    classes, counts = np.unique(examples.y[originals], return_counts=True)
    if counts.min() < 2:
        raise DataError(
            f"A class of {name} has too few examples to hold one back.",
            expected="two different examples of every class, better some hundred",
            received=f"one of class {classes[counts.argmin()]}",
        )
    # One of every class at least.
    count = max(math.ceil(_HELD_BACK * len(originals)), len(classes))
    _, test = train_test_split(
        originals, test_size=count, random_state=seed, shuffle=True, stratify=examples.y[originals]
    )
    in_test = np.isin(first_of, test)
    return (
        Examples(examples.x[~in_test], examples.y[~in_test]),
        Examples(examples.x[in_test], examples.y[in_test]),
    )


def without_examples_of(test: Examples, train: Examples) -> Examples:
    """``train`` without the examples that are in ``test``, too."""
    held_back = set(_digests(test.x))
    keep = np.array([digest not in held_back for digest in _digests(train.x)])
    return train if keep.all() else Examples(train.x[keep], train.y[keep])


def _first_copies(x: np.ndarray) -> np.ndarray:
    """For each example the index of the first that is equal to it."""
    seen: dict[bytes, int] = {}
    return np.array([seen.setdefault(digest, index) for index, digest in enumerate(_digests(x))])


def _digests(x: np.ndarray) -> Iterator[bytes]:
    """Equal for equal examples, and much smaller than these."""
    return (hashlib.blake2b(np.ascontiguousarray(row).data, digest_size=16).digest() for row in x)
