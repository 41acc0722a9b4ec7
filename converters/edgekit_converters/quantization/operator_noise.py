"""How much each operator's integers disturb a model's answers, measured one operator at a time in a float model.

From the float side, because the other way round misleads: where a tensor is the trouble, its writer and its reader
must stay in float together, and taking one of them out of an int8 model brings almost nothing. Put into a float model,
either of them alone shows all that the tensor costs.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

import edgekit_runtime
from edgekit_runtime.tflite.description import ModelDescription
from edgekit_runtime.tflite.tflite_model import TfliteModel

#: The inputs of some examples: one array (N, …), or one for each input by its name.
Inputs = np.ndarray | Mapping[str, np.ndarray]


@dataclass(frozen=True, slots=True)
class OperatorNoise:
    """What an operator costs when it alone computes with integers.

    Attributes:
        operator: Name of the operator's first output tensor.
        kind: The builtin's name, such as ``CONV_2D``.
        noise: Mean squared error of the model's outputs over their variance, summed over the outputs; infinite where
            the outputs are no numbers any more.
    """

    operator: str
    kind: str
    noise: float

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain values."""
        return asdict(self)


def float_operator_kinds(description: ModelDescription) -> dict[str, str]:
    """The operators of a float model that a recipe can name: first output tensor to kind, in the order they run."""
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
        inputs: Some examples, best those that the ranges were measured on.
        quantize_with: Makes the integer model in which the operators named stay in float.
        progress: Called with 1 after each operator.
    Returns:
        The operators from the least to the most disturbing; equal ones in the order they run.
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
    """Mean squared error of each output over its variance, summed; infinite where something is no number."""
    total = 0.0
    for wanted, given in zip(expected, received, strict=True):
        error, variance = np.mean((given.astype(np.float64) - wanted) ** 2), np.var(wanted.astype(np.float64))
        total += float(error / variance) if variance > 0 else float(error)
    return total if np.isfinite(total) else float("inf")


def _outputs(model: TfliteModel, inputs: Inputs) -> list[np.ndarray]:
    return list(edgekit_runtime.load(model).predict_named(inputs).values())
