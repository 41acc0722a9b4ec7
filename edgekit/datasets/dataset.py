"""Labelled examples, with a part that is held back."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from edgekit_runtime.errors import DataError


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


def make_dataset(name: str, train: Examples, test: Examples | None, labels: tuple[str, ...], *, seed: int) -> Dataset:
    """Check a source's examples and hold a part of them back.

    Args:
        name: What the user called the source, for messages.
        train: All examples, or those the source keeps for training.
        test: Those that the source keeps for testing; None holds back a fifth of ``train``.
        labels: Names of the classes; empty names them by their numbers.
        seed: Seed of the choice of what is held back.
    Raises:
        DataError: There are no examples, one class only, NaN, or labels that do not fit.
    """
    # Imported here since scikit-learn, which splitting needs, takes a second.
    from edgekit.datasets.splitting import hold_back, without_examples_of

    train = _checked(name, train)
    if test is None:
        train, test = hold_back(train, seed=seed)
    else:
        test = _checked(name, test)
        train = without_examples_of(test, train)
    if train.x.shape[1:] != test.x.shape[1:]:
        raise DataError(
            f"The training and the test examples of {name} have different sizes.",
            expected=str(train.x.shape[1:]),
            received=str(test.x.shape[1:]),
        )
    classes = int(max(train.y.max(), test.y.max())) + 1
    if len(np.unique(train.y)) < 2:
        raise DataError(
            f"{name} has one class only.",
            expected="examples of two classes or more",
            received=f"{len(train.y)} examples, all of class {train.y[0]}",
        )
    if labels and len(labels) < classes:
        raise DataError(
            f"The labels of {name} do not fit its examples.",
            expected=f"{classes} class names",
            received=f"{len(labels)}: {', '.join(labels[:5])}",
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


def _checked(name: str, examples: Examples) -> Examples:
    """The examples with images as (N, H, W, C) and classes as int64 (N,)."""
    x, y = examples.x, examples.y
    if len(x) == 0:
        raise DataError(f"{name} has no examples.")
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.shape != (len(x),):
        raise DataError(
            f"The labels of {name} do not fit its examples.",
            expected=f"one class number for each of {len(x)} examples",
            received=f"labels of shape {examples.y.shape}",
            next_step="turn one-hot labels into numbers with y.argmax(1)" if y.ndim == 2 else "check how y was saved",
        )
    if y.dtype.kind not in "iu" and (y.dtype.kind != "f" or not np.array_equal(y, np.floor(y))):
        raise DataError(
            f"The labels of {name} are no class numbers.",
            expected="whole numbers from 0",
            received=f"{y.dtype}, such as {y[0]!r}",
        )
    if y.min() < 0:
        raise DataError(
            f"The labels of {name} are no class numbers.", expected="whole numbers from 0", received=str(y.min())
        )
    if x.dtype.kind == "f":
        bad = np.count_nonzero(~np.isfinite(x).reshape(len(x), -1).all(1))
        if bad:
            raise DataError(
                f"{name} holds values that are no numbers.",
                expected="finite values",
                received=f"NaN or infinity in {bad} of {len(x)} examples",
                next_step="drop these examples, or fill the gaps",
            )
        x = x.astype(np.float32, copy=False)
    if x.dtype == np.uint8 and x.ndim == 3:
        x = x[..., np.newaxis]
    return Examples(x, y.astype(np.int64, copy=False))


def _digest(*parts: Examples) -> str:
    whole = hashlib.sha256()
    for part in parts:
        for array in (part.x, part.y):
            whole.update(f"{array.dtype}{array.shape}".encode())
            whole.update(np.ascontiguousarray(array).data)
    return whole.hexdigest()
