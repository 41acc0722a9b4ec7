"""Model inputs for the comparison of devices."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgekit.datasets.model_inputs import model_inputs_with_pixels
from edgekit.datasets.opening import DataRequest, open_data
from edgekit_runtime.errors import DataError, UsageError
from edgekit_runtime.model import Model

_BATCH = 256


@dataclass(frozen=True, slots=True)
class Inputs:
    """Inputs of a model for every device.

    Attributes:
        arrays: One array per model input, in the model's order, shape (N, ...).
        ground_truth: Ground truth by output name, or under "" for the only output; empty if there is none.
    """

    arrays: tuple[np.ndarray, ...]
    ground_truth: dict[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.arrays[0])


def inputs_from_data(model: Model, data: str, samples: int, seed: int) -> Inputs:
    """Select held-back examples of a dataset.

    Args:
        model: Model that the inputs are for.
        data: Dataset name or path.
        samples: Maximum number of examples.
        seed: Seed of the data split and of the selection.
    Raises:
        EdgekitError: The data is missing, damaged or not compatible.
    """
    held_back = open_data(DataRequest(data, seed=seed), model_inputs_with_pixels(model), labels=model.labels).held_back
    held_back = held_back.sample(samples, seed=seed)
    batches = list(held_back.batches(_BATCH))
    if not batches:
        raise DataError(f"{data} has no held-back examples to compare.")
    arrays = tuple(np.concatenate([batch.inputs[info.name] for batch in batches]) for info in model.inputs)
    ground_truth = {
        name: np.concatenate([batch.ground_truth[name] for batch in batches]) for name in batches[0].ground_truth
    }
    return Inputs(arrays, ground_truth)


def random_inputs(model: Model, samples: int, seed: int) -> Inputs:
    """Draw random inputs of the right shapes and types.

    Floats are between 0 and 1; integers, which may be indices, are 0 or 1.

    Raises:
        UsageError: The model has an open size, which only data can determine.
    """
    random = np.random.default_rng(seed)
    arrays = []
    for info in model.inputs:
        if -1 in info.shape[1:]:
            raise UsageError(
                f"The input {info.name} has an open size.",
                received=str(info.shape),
                next_step="pass --data instead of --random",
            )
        shape = (samples, *info.shape[1:])
        dtype = np.dtype(_input_dtype(info.dtype, info.scale))
        values = random.random(shape) if dtype.kind == "f" else random.integers(0, 2, shape)
        arrays.append(values.astype(dtype))
    return Inputs(tuple(arrays), {})


def _input_dtype(dtype: np.dtype, scale: float) -> str:
    """The type that callers pass: float32 if the input is quantized."""
    return "float32" if scale else dtype.name
