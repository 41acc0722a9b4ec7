"""From a source's examples to a data set: checked, and with a part held back."""

from __future__ import annotations

import hashlib

import numpy as np

from edgekit.datasets.checking import checked
from edgekit.datasets.dataset import Dataset, Examples
from edgekit.datasets.splitting import hold_back, without_examples_of
from edgekit_runtime.errors import DataError

#: More than any classifier of images has.
_MOST_CLASSES = 100_000


def make_dataset(
    name: str,
    train: Examples,
    test: Examples | None,
    labels: tuple[str, ...],
    *,
    seed: int,
    digests: np.ndarray | None = None,
) -> Dataset:
    """Check a source's examples and hold a part of them back.

    Args:
        name: What the user called the source, for messages.
        train: All examples, or those the source keeps for training.
        test: Those that the source keeps for testing; None holds back a fifth of ``train``.
        labels: Names of the classes; empty names them by their numbers.
        seed: Seed of the choice of what is held back.
        digests: S16 (N,), equal for equal examples of ``train``; None computes them from the values.
    Raises:
        DataError: There are no examples, one class only, NaN, or labels that do not fit.
    """
    train = checked(name, train)
    if test is not None:
        test = checked(name, test)
        if train.x.shape[1:] != test.x.shape[1:]:
            raise DataError(
                f"The training and the test examples of {name} have different sizes.",
                expected=str(train.x.shape[1:]),
                received=str(test.x.shape[1:]),
            )
    classes = _class_count(name, train, test, labels)
    if test is None:
        train, test = hold_back(name, train, seed=seed, digests=digests)
    else:
        train = without_examples_of(test, train)
        if len(np.unique(train.y)) < 2:
            raise DataError(
                f"The training examples of {name} are nearly all among its test examples.",
                expected="examples of two classes or more that are only there to learn from",
                received=f"{len(train.y)} such examples",
            )
    return Dataset(
        name=name,
        x_train=train.x,
        y_train=train.y,
        x_test=test.x,
        y_test=test.y,
        labels=labels or tuple(str(number) for number in range(classes)),
        digest=_digest(train, test),
    )


def _class_count(name: str, train: Examples, test: Examples | None, labels: tuple[str, ...]) -> int:
    highest = max(int(part.y.max()) for part in (train, test) if part is not None)
    if (train.y == train.y[0]).all():
        raise DataError(
            f"{name} has one class only.",
            expected="examples of two classes or more",
            received=f"{len(train.y)} examples, all of class {train.y[0]}",
        )
    if highest >= _MOST_CLASSES:
        raise DataError(
            f"The labels of {name} are no class numbers.",
            expected=f"numbers from 0, at most {_MOST_CLASSES:,} classes",
            received=f"a label {highest}",
            next_step="number the classes from 0 on",
        )
    if labels and len(labels) <= highest:
        raise DataError(
            f"The labels of {name} do not fit its examples.",
            expected=f"{highest + 1} class names",
            received=f"{len(labels)}: {', '.join(labels[:5])}",
        )
    return highest + 1


def _digest(*parts: Examples) -> str:
    whole = hashlib.sha256()
    for part in parts:
        for array in (part.x, part.y):
            whole.update(f"{array.dtype}{array.shape}".encode())
            whole.update(np.ascontiguousarray(array).data)
    return whole.hexdigest()
