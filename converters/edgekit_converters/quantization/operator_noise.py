"""Measures how much each operator's integers disturb a model's predictions, one operator at a time in a float model.

Measuring from the int8 side would mislead: if one tensor causes the loss, its writer and its reader must both stay in
float, and changing only one of them to float in an int8 model improves almost nothing. In a float model, making either
of them an integer operator shows the full cost of the tensor.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

import edgekit_runtime
from edgekit_runtime.tflite.description import ModelDescription
from edgekit_runtime.tflite.tflite_model import TfliteModel

#: The inputs of several examples: one array (N, …), or one array per input by its name.
Inputs = np.ndarray | Mapping[str, np.ndarray]


@dataclass(frozen=True, slots=True)
class OperatorNoise:
    """The cost of an operator if it is the only one that computes with integers.

    Attributes:
        operator: Name of the operator's first output tensor.
        kind: Name of the builtin, such as ``CONV_2D``.
        noise: Mean squared error of the model's outputs divided by their variance, summed over the outputs; infinite
            if an output is not finite.
    """

    operator: str
    kind: str
    noise: float

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain values."""
        return asdict(self)


def float_operator_kinds(description: ModelDescription) -> dict[str, str]:
    """Map the operators that a recipe can name, by first output tensor, to their kinds, in execution order."""
    named = [(operator, description.tensors[operator.outputs[0]]) for operator in description.operators]
    return {tensor.name: operator.name for operator, tensor in named if tensor.name and tensor.dtype == "float32"}


def measure_operator_noise(
    model: TfliteModel,
    inputs: Inputs,
    quantize_with: Callable[[Collection[str]], TfliteModel],
    *,
    progress: Callable[[int], None] = lambda steps: None,
) -> tuple[OperatorNoise, ...]:
    """Measure every operator of ``model``.

    Args:
        model: The float32 model.
        inputs: Several examples, preferably those that the ranges were measured on.
        quantize_with: Makes the integer model in which the named operators stay in float.
        progress: Called with 1 after each operator.
    Returns:
        The operators from the least to the most disturbing; equal ones in execution order.
    """
    kinds = float_operator_kinds(model.description)
    expected = _outputs(model, inputs)
    measured = []
    for name, kind in kinds.items():
        alone = quantize_with([other for other in kinds if other != name])
        measured.append(OperatorNoise(name, kind, relative_error(expected, _outputs(alone, inputs))))
        progress(1)
    return tuple(sorted(measured, key=lambda operator: operator.noise))


def relative_error(expected: Sequence[np.ndarray], received: Sequence[np.ndarray]) -> float:
    """Mean squared error of each output divided by its variance, summed; infinite if any value is not finite."""
    total = 0.0
    for wanted, given in zip(expected, received, strict=True):
        error, variance = np.mean((given.astype(np.float64) - wanted) ** 2), np.var(wanted.astype(np.float64))
        total += float(error / variance) if variance > 0 else float(error)
    return total if np.isfinite(total) else float("inf")


def _outputs(model: TfliteModel, inputs: Inputs) -> list[np.ndarray]:
    return list(edgekit_runtime.load(model).predict_named(inputs).values())
