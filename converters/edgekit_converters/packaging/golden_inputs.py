"""Inputs of golden examples: real ones that need little space, or generated ones that any model accepts."""

from __future__ import annotations

import io
import zlib
from collections.abc import Mapping, Sequence

import numpy as np

from edgekit_converters.quantization.look_ups import rows_by_input
from edgekit_runtime.inputs.preprocessing import Preprocessing
from edgekit_runtime.tensor_info import TensorInfo, model_inputs, model_outputs
from edgekit_runtime.tflite.description import ModelDescription

#: Number of examples that are packed if they are small.
MOST_EXAMPLES = 4
#: Golden inputs may add this many compressed bytes to the file, or this share of the model, whichever is more.
_SMALL_BYTES = 950
_SHARE = 0.002
#: Generated images and signals consist of this many patches per side: noise would average out in the first layers.
_PATCHES = 8
#: Dynamic sizes in generated inputs.
OPEN_SIZE = 32


def as_pixels(values: np.ndarray, preprocessing: Preprocessing) -> np.ndarray | None:
    """Find the uint8 pixels from which ``preprocessing`` makes exactly ``values``, or None if there are none.

    Args:
        values: float32 (N, H, W, C) or, depending on its layout, (N, C, H, W), as the model expects them.
        preprocessing: Preprocessing of that model.
    """
    images = preprocessing.as_images(values)
    table = np.atleast_2d(preprocessing.values())
    columns = []
    for channel in range(images.shape[-1]):
        column = table[min(channel, len(table) - 1)]
        order = np.argsort(column)
        places = np.searchsorted(column[order], images[..., channel]).clip(0, 255)
        columns.append(order[places].astype(np.uint8))
    if preprocessing.color_order == "bgr":
        columns.reverse()
    pixels = np.stack(columns, axis=-1)
    return pixels if np.array_equal(preprocessing.normalize(pixels), values) else None


def fitted(inputs: Sequence[np.ndarray], model_bytes: int) -> tuple[list[np.ndarray], int]:
    """Select as many examples as the file has space for; at least one, coarsened until it fits.

    Args:
        inputs: Values (N, ...) of each input, the best examples first.
        model_bytes: Size in bytes of the model that they are packed into.
    Returns:
        The selected examples, and the factor by which they were coarsened.
    """
    largest = max(_SMALL_BYTES, int(_SHARE * model_bytes))
    for coarser in (1, 2, 4, 8, 16, 32):
        examples = [coarsened(array, coarser) for array in inputs]
        for count in range(min(len(examples[0]), MOST_EXAMPLES), 0, -1):
            if sum(_compressed_size(array[:count]) for array in examples) <= largest:
                return [array[:count] for array in examples], coarser
    return [array[:1] for array in examples], coarser


def coarsened(array: np.ndarray, factor: int) -> np.ndarray:
    """Repeat every value over ``factor`` rows and columns of an image, or steps of a signal."""
    axes = {4: (1, 2), 3: (1,), 2: (1,)}.get(array.ndim, ())
    for axis in axes if factor > 1 else ():
        places = np.arange(array.shape[axis]) // factor * factor
        array = array.take(places, axis)
    return array


def made_up_inputs(
    description: ModelDescription, preprocessing: Mapping[str, Preprocessing], *, seed: int
) -> list[np.ndarray]:
    """Generate seeded inputs in a plausible range: pixels for images, indices for look-ups, otherwise normal values.

    Args:
        description: The model's tensors and operators.
        preprocessing: How images become an input, by the input's name.
        seed: Seed of the values.
    Returns:
        Values (N, ...) for each input.
    """
    rng = np.random.default_rng(seed)
    rows = rows_by_input(description) if description.signatures else {}
    infos = model_inputs(description)
    # As in the runtime: the first axis counts examples if all inputs and outputs have the same one.
    has_batch = len({info.shape[:1] for info in (*infos, *model_outputs(description))} - {()}) == 1
    inputs = []
    for info in infos:
        sizes = info.shape[1:] if has_batch else info.shape
        shape = (MOST_EXAMPLES, *(OPEN_SIZE if size == -1 else size for size in sizes))
        if info.name in preprocessing:
            # Pixels always have their channels last, whatever the model's layout.
            shape = preprocessing[info.name].as_images(np.empty(shape, np.uint8)).shape
            patches = rng.integers(0, 256, _patch_shape(shape), np.uint8)
            inputs.append(_enlarged(patches, shape))
        elif info.name in rows:
            inputs.append(rng.integers(0, rows[info.name], shape).astype(_value_dtype(info)))
        elif info.dtype == bool:
            inputs.append(rng.integers(0, 2, shape).astype(bool))
        elif info.dtype.kind in "iu" and info.quantization is None:
            inputs.append(rng.integers(0, 2, shape).astype(info.dtype))
        else:
            patches = rng.standard_normal(_patch_shape(shape)).astype(_value_dtype(info))
            inputs.append(_enlarged(patches, shape))
    return inputs


def _compressed_size(array: np.ndarray) -> int:
    file = io.BytesIO()
    np.save(file, array)
    return len(zlib.compress(file.getvalue(), 9))


def _patch_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    if len(shape) < 3:
        return shape
    last_spatial = 3 if len(shape) == 4 else 2
    return tuple(min(size, _PATCHES) if 0 < axis < last_spatial else size for axis, size in enumerate(shape))


def _enlarged(patches: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    for axis, size in enumerate(shape):
        patches = patches.take(np.arange(size) * patches.shape[axis] // size, axis)
    return patches


def _value_dtype(info: TensorInfo) -> np.dtype[np.generic]:
    """dtype of the real values of an input, whether it is quantized or not."""
    return np.dtype(np.float32) if info.quantization is not None else info.dtype
