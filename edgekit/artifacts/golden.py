"""Chooses golden inputs for a model: real examples if there is data, otherwise random ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from types import MappingProxyType

import numpy as np

from edgekit.datasets.streams import Batch, ExampleStream
from edgekit_converters.packaging.golden_inputs import MOST_EXAMPLES, as_pixels, fitted, made_up_inputs
from edgekit_runtime.inputs.preprocessing import Preprocessing
from edgekit_runtime.inputs.raw_inputs import RawInput
from edgekit_runtime.packed_file.golden import model_values
from edgekit_runtime.tensor_info import model_inputs
from edgekit_runtime.text import TextInput
from edgekit_runtime.tflite.description import ModelDescription

#: Number of examples that are searched for different classes.
_LOOKED_AT = 8 * MOST_EXAMPLES


@dataclass(frozen=True, slots=True)
class GoldenInputs:
    """Inputs of golden examples.

    Attributes:
        arrays: One array (N, ...) per input of the model; uint8 pixels if the input is an image, raw examples for
            inputs with a ``RawInput``.
        values: The same inputs as real values in the range of the training, by input name.
        origin: Source of the inputs, for readers of the manifest: a name without folders.
    """

    arrays: list[np.ndarray]
    values: dict[str, np.ndarray]
    origin: str


def choose_golden_inputs(
    description: ModelDescription,
    data: ExampleStream | None,
    preprocessing: Mapping[str, Preprocessing],
    raw_inputs: Mapping[str, RawInput] = MappingProxyType({}),
    *,
    seed: int,
) -> GoldenInputs:
    """Choose the inputs of golden examples; the same arguments give the same inputs.

    Args:
        description: Description of the model, quantized or not; its size limits the size of the inputs.
        data: Examples that the model was not trained on; None generates random inputs.
        preprocessing: Preprocessing of each image input, by name.
        raw_inputs: Preprocessing of each input of recordings or strings, by name; such examples are kept raw if there
            is data, so that verification covers their preparation.
        seed: Seed of the choice or of the random inputs.
    Raises:
        EdgekitError: The data cannot be read or is not compatible with the model.
    """
    names = [info.name for info in model_inputs(description)]
    batch = None if data is None else next(iter(data.sample(_LOOKED_AT, seed=seed).batches(_LOOKED_AT)), None)
    if data is None or batch is None:
        arrays, origin = made_up_inputs(description, preprocessing, seed=seed), f"random, seed {seed}"
        texts = [_made_up_texts(raw_inputs.get(name), seed) for name in names]
        arrays = [array if text is None else text for text, array in zip(texts, arrays, strict=True)]
    else:
        rows = _of_different_classes(batch)
        arrays = [
            raw_inputs[name].as_golden(batch.raw[name][rows])
            if name in batch.raw
            else _as_stored(batch.inputs[name][rows], preprocessing.get(name))
            for name in names
        ]
        # The path of a folder on this machine is private, and would give different bytes for the same data.
        origin = PurePath(data.name).name
    arrays, coarser = fitted(arrays, description.size_bytes)
    if coarser > 1:
        origin += f", {coarser} times coarser"
    return GoldenInputs(
        arrays, dict(zip(names, model_values(arrays, names, {**preprocessing, **raw_inputs}), strict=True)), origin
    )


def _made_up_texts(raw_input: RawInput | None, seed: int) -> np.ndarray | None:
    """Texts of words of a vocabulary, as golden examples hold them; None if the input does not take texts."""
    texts = raw_input.made_up(MOST_EXAMPLES, seed=seed) if isinstance(raw_input, TextInput) else None
    return None if raw_input is None or texts is None else raw_input.as_golden(texts)


def _of_different_classes(batch: Batch) -> Sequence[int]:
    """The rows of a batch, with the first row of each class before all others."""
    y = batch.y
    if y is None or y.ndim != 1:
        return range(len(batch))
    first = np.unique(y, return_index=True)[1]
    return [*sorted(first.tolist()), *(row for row in range(len(batch)) if row not in first)]


def _as_stored(values: np.ndarray, preprocessing: Preprocessing | None) -> np.ndarray:
    """Convert values that were made from pixels back to pixels, which are exact and small."""
    pixels = None if preprocessing is None or values.dtype != np.float32 else as_pixels(values, preprocessing)
    return values if pixels is None else pixels
