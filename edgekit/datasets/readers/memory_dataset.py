"""Labelled examples in memory as a data set."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from edgekit.datasets.assembly import make_dataset
from edgekit.datasets.dataset import Dataset, Examples
from edgekit.datasets.readers.functions import as_arrays
from edgekit.datasets.readers.memory import MemoryData
from edgekit.datasets.readers.stored_arrays import plain
from edgekit.datasets.targets import as_targets
from edgekit_runtime.errors import DataError
from edgekit_runtime.task import UNNAMED


def load_memory(data: MemoryData, *, seed: int) -> Dataset:
    """Load labelled examples from memory.

    Args:
        data: Pairs ``(inputs, labels)`` as arrays or batch by batch, or a dict with ``x`` and ``y``, or with
            ``x_train``, ``y_train``, ``x_test`` and ``y_test``.
        seed: Seed of the choice of what is held back, if the data does not say.
    Raises:
        DataError: There are no labels, or they do not fit.
    """
    given = data.read()
    arrays = as_arrays(given)
    if arrays is None:
        arrays = _joined(data.name, given)
    if {"x_train", "y_train", "x_test", "y_test"} <= set(arrays):
        numbers, labels = as_targets(
            data.name,
            np.concatenate([arrays["y_train"], arrays["y_test"]]),
            len(arrays["x_train"]) + len(arrays["x_test"]),
        )
        count = len(arrays["x_train"])
        train, test = (
            Examples(arrays["x_train"], numbers[:count]),
            Examples(arrays["x_test"], numbers[count:]),
        )
        return make_dataset(data.name, train, test, labels, seed=seed)
    x, y = arrays.get("x", arrays.get(UNNAMED)), arrays.get("y")
    if x is None or y is None:
        raise DataError(
            f"{data.name} have no labels." if x is not None else f"{data.name} have no examples.",
            expected="(inputs, labels), or a dict with x and y",
            received=", ".join(key or "one array" for key in arrays) or "nothing",
            next_step="edgekit.convert and edgekit.validate take inputs without labels, and several inputs by name",
        )
    numbers, labels = as_targets(data.name, y, len(x))
    return make_dataset(data.name, Examples(x, numbers), None, labels, seed=seed)


def _joined(name: str, items: Any) -> dict[str, np.ndarray]:
    """All batches or single examples as one array for each name."""
    parts: dict[str, list[np.ndarray]] = {}
    for item in items if isinstance(items, Iterable) else ():
        pair = tuple(item) if isinstance(item, list) and len(item) in (2, 3) else item
        arrays = as_arrays(pair)
        if arrays is None or set(arrays) != set(parts or arrays):
            raise DataError(
                f"{name} gave an item that is not labelled examples like the others.",
                expected="(inputs, labels), each an array",
                received=type(item).__name__ if arrays is None else ", ".join(key or "inputs" for key in arrays),
            )
        is_single = arrays.get("y") is not None and arrays["y"].ndim == 0
        for key, values in arrays.items():
            parts.setdefault(key, []).append(values[np.newaxis] if is_single else values)
    if not parts:
        raise DataError(f"{name} gave no examples.", expected="(inputs, labels), an array each")
    try:
        return {key: plain(np.concatenate(values)) for key, values in parts.items()}
    except ValueError as error:
        raise DataError(
            f"{name} gave batches whose examples differ in size.", expected="one size", received=str(error)
        ) from error
