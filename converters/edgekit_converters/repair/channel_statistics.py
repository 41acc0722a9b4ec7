"""Measures the values of every channel of every activation of a float model."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from edgekit_converters.tensor_values import TensorValues
from edgekit_runtime.tflite.tflite_model import TfliteModel

#: Examples per run of a model that accepts any number, and the memory that all its tensors may take.
_LARGEST_BATCH = 32
_LARGEST_BYTES = 256 * 2**20


@dataclass(frozen=True, slots=True)
class Channels:
    """The values of the channels of one tensor, which are on its last axis.

    Attributes:
        low: Smallest values, float64 (C,).
        high: Largest values, float64 (C,).
        mean: Mean values, float64 (C,).
    """

    low: np.ndarray
    high: np.ndarray
    mean: np.ndarray

    @property
    def peak(self) -> np.ndarray:
        """Largest magnitudes, float64 (C,)."""
        return np.maximum(np.abs(self.low), np.abs(self.high))


def batches(values: TensorValues, inputs: Mapping[str, np.ndarray]) -> Iterator[dict[str, np.ndarray]]:
    """Cut examples into batches that a model accepts; a rest that does not fill a batch of a fixed size is left out.

    Args:
        values: Runs the model.
        inputs: Examples by input name, (N, …).
    """
    count, size = len(next(iter(inputs.values()))), values.batch
    if size is None:
        example_bytes = sum(4 * math.prod(tensor.shape) for tensor in values.tensors if not tensor.is_constant)
        step = min(_LARGEST_BATCH, max(1, _LARGEST_BYTES // max(example_bytes, 1)))
    else:
        step = size
    for start in range(0, count - (step - 1 if size else 0), step):
        yield {name: rows[start : start + step] for name, rows in inputs.items()}


def measure_channels(
    model: TfliteModel, inputs: Mapping[str, np.ndarray], *, progress: Callable[[int], None] = lambda examples: None
) -> dict[int, Channels]:
    """Run a float model and measure the channels of its activations.

    Args:
        model: A float32 model.
        inputs: Examples by input name, (N, …).
        progress: Called after each batch with its number of examples.
    Returns:
        Channels by tensor number, without tensors of fewer than two axes.
    """
    values = TensorValues(model)
    sums: dict[int, tuple[np.ndarray, np.ndarray, np.ndarray, int]] = {}
    for batch in batches(values, inputs):
        values.run(batch)
        for tensor in values.activations():
            rows = values.real(tensor)
            if rows.ndim < 2 or rows.size == 0:
                continue
            rows = rows.reshape(-1, rows.shape[-1])
            with np.errstate(invalid="ignore"):
                new = rows.min(0), rows.max(0), rows.sum(0, dtype=np.float64), len(rows)
            old = sums.get(tensor.index)
            if old is not None and len(old[0]) == len(new[0]):
                new = np.minimum(old[0], new[0]), np.maximum(old[1], new[1]), old[2] + new[2], old[3] + new[3]
            sums[tensor.index] = new
        progress(len(next(iter(batch.values()))))
    measured = {
        index: Channels(low.astype(np.float64), high.astype(np.float64), total / count)
        for index, (low, high, total, count) in sums.items()
    }
    # Memory that a recurrent layer has not written yet may hold anything.
    return {index: each for index, each in measured.items() if np.isfinite(each.peak).all()}
