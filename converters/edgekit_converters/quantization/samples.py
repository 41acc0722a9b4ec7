"""Inputs for calibration: one sample is the value of every input by its name. Samples are checked or random."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from edgekit_converters.lowering.process import ModelInput
from edgekit_runtime.errors import DataError, TensorMismatchError
from edgekit_runtime.inputs.preprocessing import Preprocessing
from edgekit_runtime.tflite.description import ModelDescription, TensorDescription

#: The value of every input by its name in the signature, including the batch axis.
Sample = Mapping[str, np.ndarray]

#: Size of dynamic axes in random samples.
_OPEN_SIZE = 32


def random_representative_dataset(
    inputs: Sequence[ModelInput], seed: int, *, samples: int, rows: Mapping[str, int] | None = None
) -> Iterator[dict[str, np.ndarray]]:
    """Yield noise in place of real inputs: enough to make a model that runs, not one that predicts correctly.

    Args:
        inputs: The model's inputs. Images are drawn uniformly between the values of pixels 0 and 255, and other floats
            from the standard normal distribution. Integers are 0 or 1, which are valid indices for every table.
        seed: Equal seeds give equal samples.
        samples: Number of samples.
        rows: Number of rows to choose from, by name, for inputs that are indices.
    """
    generator = np.random.default_rng(seed)
    for _ in range(samples):
        yield {each.name: _noise(each, generator, (rows or {}).get(each.name)) for each in inputs}


def _noise(each: ModelInput, generator: np.random.Generator, rows: int | None) -> np.ndarray:
    sizes = [1, *(_OPEN_SIZE if size == -1 else size for size in each.shape[1:])] if each.shape else []
    values: np.ndarray
    if rows is not None:
        values = generator.integers(0, rows, sizes)
    elif np.dtype(each.dtype).kind != "f":
        values = generator.integers(0, 2, sizes)
    elif each.pixels is not None:
        low, high = each.pixels.value_range if isinstance(each.pixels, Preprocessing) else each.pixels
        values = generator.uniform(low, high, sizes)
    else:
        values = generator.standard_normal(sizes)
    return np.asarray(values).astype(each.dtype)


class SampleCheck:
    """Converts samples to the types of a model's inputs, and rejects incompatible ones.

    Args:
        description: A model with at least one signature.
    """

    def __init__(self, description: ModelDescription) -> None:
        tensors = description.subgraphs[description.signatures[0].subgraph].tensors
        self._inputs = {name: tensors[index] for name, index in description.signatures[0].inputs}
        self._checked = 0

    def __call__(self, sample: Sample) -> dict[str, np.ndarray]:
        """Return ``sample`` converted to the model's types.

        Raises:
            DataError: The sample contains NaN or infinity.
            TensorMismatchError: Its names, shapes or types do not match the model's inputs.
        """
        number = self._checked
        self._checked += 1
        if not isinstance(sample, Mapping) or sample.keys() != self._inputs.keys():
            received = ", ".join(map(str, sample)) if isinstance(sample, Mapping) else type(sample).__name__
            raise TensorMismatchError(
                f"Sample {number} does not have the model's inputs.",
                expected=f"one array for each of: {', '.join(self._inputs)}",
                received=received or "nothing",
            )
        return {name: _converted(sample[name], tensor, f"Sample {number}") for name, tensor in self._inputs.items()}


def _converted(value: np.ndarray, tensor: TensorDescription, what: str) -> np.ndarray:
    value = np.asarray(value)
    dtype = np.dtype(tensor.dtype)
    sizes = tensor.shape_signature or tensor.shape
    fits = len(value.shape) == len(sizes) and all(
        size in (-1, given) for size, given in zip(sizes, value.shape, strict=True)
    )
    if not fits or value.dtype.kind != dtype.kind:
        raise TensorMismatchError(
            f"{what} does not fit the model's input {tensor.name}.",
            expected=f"{dtype.name} of shape {_shape(sizes)}",
            received=f"{value.dtype.name} of shape {_shape(value.shape)}",
        )
    if dtype.kind == "f" and not np.isfinite(value).all():
        raise DataError(
            f"{what} contains values that are not finite, for the model's input {tensor.name}.",
            expected="real numbers",
            received="NaN" if np.isnan(value).any() else "infinity",
            next_step="remove such examples from the calibration data, or fill in missing values as in training",
        )
    return value.astype(dtype, copy=False)


def _shape(sizes: tuple[int, ...]) -> str:
    return f"({', '.join('any' if size == -1 else str(size) for size in sizes)})"
