"""Golden inputs for a model: real examples where there is data, made-up ones where there is none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath

import numpy as np

from edgekit.datasets.streams import Batch, ExampleStream
from edgekit_converters.packaging.golden_inputs import MOST_EXAMPLES, as_pixels, fitted, made_up_inputs
from edgekit_runtime.inputs.preprocessing import Preprocessing
from edgekit_runtime.packed_file.golden import model_values
from edgekit_runtime.tensor_info import model_inputs
from edgekit_runtime.tflite.description import ModelDescription

#: Examples looked at for ones of different classes.
_LOOKED_AT = 8 * MOST_EXAMPLES


@dataclass(frozen=True, slots=True)
class GoldenInputs:
    """Inputs to keep as golden examples.

    Attributes:
        arrays: For each of the model's inputs (N, ...): uint8 pixels where it takes pictures.
        values: The same as the model was trained on them, by input name.
        origin: Where they come from, for whoever reads the manifest: a name without its folders.
    """

    arrays: list[np.ndarray]
    values: dict[str, np.ndarray]
    origin: str


def choose_golden_inputs(
    description: ModelDescription,
    data: ExampleStream | None,
    preprocessing: Mapping[str, Preprocessing],
    *,
    seed: int,
) -> GoldenInputs:
    """Choose the inputs of golden examples; the same arguments give the same ones.

    Args:
        description: The model, quantized or not: its size says how much room there is.
        data: Examples that the model has not learned from; None makes inputs up.
        preprocessing: How images become an input, by its name.
        seed: Of the choice, or of the made-up inputs.
    Raises:
        EdgekitError: The data cannot be read or does not fit.
    """
    names = [info.name for info in model_inputs(description)]
    batch = None if data is None else next(iter(data.sample(_LOOKED_AT, seed=seed).batches(_LOOKED_AT)), None)
    if data is None or batch is None:
        arrays, origin = made_up_inputs(description, preprocessing, seed=seed), f"random, seed {seed}"
    else:
        rows = _of_different_classes(batch)
        arrays = [_as_stored(batch.inputs[name][rows], preprocessing.get(name)) for name in names]
        # A folder's place on this machine is nobody's business, and would make other bytes of the same data.
        origin = PurePath(data.name).name
    arrays, coarser = fitted(arrays, description.size_bytes)
    if coarser > 1:
        origin += f", {coarser} times coarser"
    return GoldenInputs(arrays, dict(zip(names, model_values(arrays, names, preprocessing), strict=True)), origin)


def _of_different_classes(batch: Batch) -> Sequence[int]:
    """Rows of a batch, those first that are the first of their class."""
    y = batch.y
    if y is None or y.ndim != 1:
        return range(len(batch))
    first = np.unique(y, return_index=True)[1]
    return [*sorted(first.tolist()), *(row for row in range(len(batch)) if row not in first)]


def _as_stored(values: np.ndarray, preprocessing: Preprocessing | None) -> np.ndarray:
    """Pixels where the values are made of pixels: they are exact and small."""
    pixels = None if preprocessing is None or values.dtype != np.float32 else as_pixels(values, preprocessing)
    return values if pixels is None else pixels
