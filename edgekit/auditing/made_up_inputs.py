"""Generates inputs that show whether a model uses them: many levels and patterns, within the range of the input."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from edgekit_runtime.inputs.preprocessing import Preprocessing
from edgekit_runtime.task import IMAGE, Task
from edgekit_runtime.tensor_info import TensorInfo, model_inputs
from edgekit_runtime.tflite.description import ModelDescription, TensorDescription

EXAMPLES = 32
#: Value for a size that the file leaves open.
_OPEN_SIZE = 16
_UNIT_RANGE = (0.0, 1.0)


def has_open_sizes(description: ModelDescription) -> bool:
    """Whether a size other than the batch is open."""
    return any(-1 in info.shape[1:] for info in model_inputs(description))


def made_up_inputs(
    description: ModelDescription,
    task: Task,
    preprocessing: Mapping[str, Preprocessing],
    *,
    seed: int,
    has_batch: bool = True,
) -> dict[str, np.ndarray]:
    """For each input by name, examples of noise, constant levels, gradients and single spikes.

    Args:
        description: Description of the model.
        task: Task of the model, which says which inputs are images.
        preprocessing: Preprocessing by input name; empty if the file does not contain it.
        seed: Seed of the noise.
        has_batch: Whether the first axis is the batch; if not, there is one example of the stored shape.
    """
    random = np.random.default_rng(seed)
    inputs = {}
    for info in model_inputs(description):
        sizes = info.shape[1:] if has_batch else info.shape
        shape = tuple(_OPEN_SIZE if size == -1 else size for size in sizes)
        patterns = np.stack([_pattern(number, shape, random) for number in range(EXAMPLES if has_batch else 1)])
        pixels = preprocessing.get(info.name) or preprocessing.get("")
        known = None if pixels is None else tuple(np.sort(pixels.values().reshape(-1)[[0, -1]]).tolist())
        ranges = [found] if (found := input_range(description, info) or known) else _usual_ranges(info, task)
        values = _in_ranges(patterns, info, ranges)
        inputs[info.name] = values if has_batch else values[0]
    return inputs


def input_range(description: ModelDescription, info: TensorInfo) -> tuple[float, float] | None:
    """The range of real values of an input's integers, also behind a QUANTIZE; None for a float input."""
    tensors = description.tensors
    tensor = tensors[info.index]
    if not tensor.scales:
        readers = [operator for operator in description.operators if info.index in operator.inputs]
        if not readers or any(operator.name != "QUANTIZE" for operator in readers):
            return None
        tensor = tensors[readers[0].outputs[0]]
    return real_range(tensor)


def real_range(tensor: TensorDescription) -> tuple[float, float] | None:
    """The real values of the lowest and the highest code of a tensor with one scale; None for others."""
    if tensor.dtype not in ("int8", "uint8", "int16") or len(tensor.scales) != 1:
        return None
    limits, scale, zero_point = np.iinfo(tensor.dtype), tensor.scales[0], tensor.zero_points[0]
    return scale * (limits.min - zero_point), scale * (limits.max - zero_point)


def _usual_ranges(info: TensorInfo, task: Task) -> list[tuple[float, float]]:
    """Usual ranges for an input of unknown range; pixels have three common ranges."""
    return [_UNIT_RANGE, (-1.0, 1.0), (0.0, 255.0)] if task.inputs[info.name].name == IMAGE else [_UNIT_RANGE, (-1, 1)]


def _pattern(number: int, shape: tuple[int, ...], random: np.random.Generator) -> np.ndarray:
    """A pattern of values from 0 to 1."""
    noise, size = random.random(shape), int(np.prod(shape))
    kind = number % 4
    if kind == 1:
        return np.full(shape, (number // 4 + 1) / (EXAMPLES // 4))
    if kind == 2:
        ramp = np.linspace(0, 1, size).reshape(shape)
        return ramp if number % 8 == 2 else 1 - ramp
    return np.where(noise > 0.95, 1.0, 0.0) if kind == 3 else noise


def _in_ranges(patterns: np.ndarray, info: TensorInfo, ranges: list[tuple[float, float]]) -> np.ndarray:
    if info.quantization is None and info.dtype.kind in "iub":
        # uint8 inputs are pixels; other integers may be indices into a table of unknown length, so they are 0 or 1.
        return np.rint(patterns * (255 if info.dtype == np.uint8 else 1)).astype(info.dtype)
    which = [ranges[number // 4 % len(ranges)] for number in range(len(patterns))]
    axes = (-1, *[1] * (patterns.ndim - 1))
    low, high = (np.reshape([each[end] for each in which], axes) for end in (0, 1))
    dtype = np.float32 if info.quantization is not None else info.dtype
    return (low + patterns * (high - low)).astype(dtype)
