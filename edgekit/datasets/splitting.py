"""Holding examples back, so that none is on both sides, not even as a copy."""

from __future__ import annotations

import math

import numpy as np

from edgekit_runtime.errors import DataError

#: The share that is held back, where the source doesn't say.
HELD_BACK = 0.2


def hold_back(name: str, digests: np.ndarray, classes: np.ndarray, *, seed: int) -> np.ndarray:
    """Choose a fifth of every class for the test; copies stay on one side.

    Args:
        name: What the user called the source, for messages.
        digests: S16 (N,), equal for equal examples.
        classes: Class of each, int64 (N,).
        seed: Seed of the choice.
    Returns:
        True for what is held back, bool (N,).
    Raises:
        DataError: A class has one example only, or copies of one.
    """
    found, counts = np.unique(classes[np.unique(_first_copies(digests))], return_counts=True)
    if counts.min() < 2:
        raise DataError(
            f"A class of {name} has too few examples to hold one back.",
            expected="two different examples of every class, better some hundred",
            received=f"one of class {found[counts.argmin()]}",
            next_step="add examples of this class, or leave it out",
        )
    return held_back_rows(digests, classes, seed=seed)


def held_back_rows(digests: np.ndarray, classes: np.ndarray | None, *, seed: int) -> np.ndarray:
    """Choose a fifth of the examples, copies together, and of every class where each has two or more.

    Args:
        digests: S16 (N,), equal for equal examples.
        classes: Class of each, int64 (N,); None where there is none.
        seed: Seed of the choice.
    Returns:
        True for what is held back, bool (N,); nothing is where all examples are equal.
    """
    from sklearn.model_selection import train_test_split

    first_of = _first_copies(digests)
    originals = np.unique(first_of)
    if len(originals) < 2:
        return np.zeros(len(digests), bool)
    strata = None if classes is None else classes[originals]
    if strata is not None and np.unique(strata, return_counts=True)[1].min() < 2:
        strata = None
    # One of every class at least.
    count = max(math.ceil(HELD_BACK * len(originals)), 1 if strata is None else len(np.unique(strata)))
    _, test = train_test_split(originals, test_size=count, random_state=seed, shuffle=True, stratify=strata)
    return np.isin(first_of, test)


def _first_copies(digests: np.ndarray) -> np.ndarray:
    """For each example the index of the first that is equal to it."""
    _, first, place = np.unique(digests, return_index=True, return_inverse=True)
    return np.asarray(first[place])
