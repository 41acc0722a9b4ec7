"""Holds examples back so that no example, and no copy of one, is in both parts."""

from __future__ import annotations

import math

import numpy as np

from edgekit_runtime.errors import DataError

#: Share of the examples that is held back if the source has no test part.
HELD_BACK = 0.2


def hold_back(name: str, digests: np.ndarray, classes: np.ndarray, *, seed: int) -> np.ndarray:
    """Choose a fifth of every class for testing; copies of an example stay in one part.

    Args:
        name: Name of the source, for messages.
        digests: Digest of each example, S16 (N,), equal for equal examples.
        classes: Class of each example, int64 (N,).
        seed: Seed of the choice.
    Returns:
        True for the held-back examples, bool (N,).
    Raises:
        DataError: A class has only one distinct example.
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
    """Choose a fifth of the examples, keeping copies together.

    The choice is stratified by class if every class has at least two distinct examples.

    Args:
        digests: Digest of each example, S16 (N,), equal for equal examples.
        classes: Class of each example, int64 (N,), or None.
        seed: Seed of the choice.
    Returns:
        True for the held-back examples, bool (N,); if all examples are equal, none is held back.
    """
    from sklearn.model_selection import train_test_split

    first_of = _first_copies(digests)
    originals = np.unique(first_of)
    if len(originals) < 2:
        return np.zeros(len(digests), bool)
    strata = None if classes is None else classes[originals]
    if strata is not None and np.unique(strata, return_counts=True)[1].min() < 2:
        strata = None
    # At least one example of every class.
    count = max(math.ceil(HELD_BACK * len(originals)), 1 if strata is None else len(np.unique(strata)))
    _, test = train_test_split(originals, test_size=count, random_state=seed, shuffle=True, stratify=strata)
    return np.isin(first_of, test)


def _first_copies(digests: np.ndarray) -> np.ndarray:
    """For each example, the index of the first example equal to it."""
    _, first, place = np.unique(digests, return_index=True, return_inverse=True)
    return np.asarray(first[place])
