"""Reads from a quantized model how each tensor of the float model is rounded: the scales that will be written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from edgekit_runtime.tflite.description import ModelDescription, SubgraphDescription, TensorDescription

#: Bits of the integer types that tensors can have.
_BITS = {"int4": 4, "int8": 8, "int16": 16}
_CONVERSIONS = ("QUANTIZE", "DEQUANTIZE")
#: Operators whose int8 result has a fixed range, whatever was measured.
_FIXED_RANGE = frozenset({"SOFTMAX", "LOG_SOFTMAX", "LOGISTIC", "TANH", "L2_NORMALIZATION"})


@dataclass(frozen=True, slots=True)
class ActivationRounding:
    """Codes of an activation: one scale for the tensor.

    Attributes:
        scale: Real value of one step.
        zero_point: Code of real 0.
        bits: 8 or 16.
    """

    scale: float
    zero_point: int
    bits: int

    @property
    def limits(self) -> tuple[float, float]:
        """Smallest and largest real value that a code represents."""
        half = 2 ** (self.bits - 1)
        lowest = 1 - half if self.bits == 16 else -half
        return (lowest - self.zero_point) * self.scale, (half - 1 - self.zero_point) * self.scale


@dataclass(frozen=True, slots=True)
class WeightRounding:
    """Codes of constant weights, symmetric around 0.

    Attributes:
        bits: 4 or 8.
        axis: Axis of the channels; None if all weights have one scale.
    """

    bits: int
    axis: int | None


#: A tensor of the float model: number of its subgraph, number within it.
Place = tuple[int, int]
#: An input of an operator: number of the subgraph, of the operator within it, and of the input.
Reading = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class RoundingPlan:
    """How a float model will be rounded.

    Attributes:
        written: Rounding of tensors that are stored as integers.
        read: Further rounding of a tensor where one operator reads it: it is stored in float or with another scale.
        weights: Rounding of constants, by where they are read.
        fixed: Roundings that no range changes.
    """

    written: Mapping[Place, ActivationRounding]
    read: Mapping[Reading, ActivationRounding]
    weights: Mapping[Reading, WeightRounding]
    fixed: frozenset[ActivationRounding]


def plan_rounding(float_model: ModelDescription, quantized: ModelDescription) -> RoundingPlan:
    """Compare a float model with the quantized model that was made from it.

    Args:
        float_model: The float32 model.
        quantized: The result of ``quantize``; tensors and operators have the names of the float model's.
    """
    written: dict[Place, ActivationRounding] = {}
    read: dict[Reading, ActivationRounding] = {}
    weights: dict[Reading, WeightRounding] = {}
    fixed: set[ActivationRounding] = set()
    for number, (graph, other) in enumerate(zip(float_model.subgraphs, quantized.subgraphs, strict=False)):
        by_name = {tensor.name: tensor for tensor in other.tensors if tensor.name}
        for tensor in graph.tensors:
            rounding = _activation(by_name.get(tensor.name)) if tensor.dtype == "float32" else None
            if rounding is not None and not tensor.is_constant:
                written[number, tensor.index] = rounding
        for place, operator, inputs, outputs in _paired(graph, other):
            for position, (index, stored) in enumerate(inputs):
                rounding = _activation(stored)
                if stored is not None and graph.tensors[index].is_constant and stored.is_constant and stored.scales:
                    weights[number, place, position] = _weights(stored)
                elif rounding is not None and written.get((number, index)) != rounding:
                    read[number, place, position] = rounding
            if operator in _FIXED_RANGE:
                fixed.update(each for result in outputs if (each := _activation(result)) is not None)
    return RoundingPlan(written, read, weights, frozenset(fixed))


def _paired(
    graph: SubgraphDescription, other: SubgraphDescription
) -> Iterator[tuple[int, str, list[tuple[int, TensorDescription | None]], list[TensorDescription]]]:
    """Yield each operator's number and name, its float inputs with what replaced them, and what replaced its outputs.

    Quantization keeps operators and their order, and adds conversions.
    """
    kept = [each for each in other.operators if each.name not in _CONVERSIONS]
    own = [(place, each) for place, each in enumerate(graph.operators) if each.name not in _CONVERSIONS]
    if [each.name for _, each in own] != [each.name for each in kept]:
        return
    for (place, operator), replaced in zip(own, kept, strict=False):
        inputs: list[tuple[int, TensorDescription | None]] = []
        for index, now in zip(operator.inputs, replaced.inputs, strict=False):
            is_float = index >= 0 and now >= 0 and graph.tensors[index].dtype == "float32"
            inputs.append((index, other.tensors[now] if is_float else None))
        yield place, operator.name, inputs, [other.tensors[index] for index in replaced.outputs if index >= 0]


def _activation(tensor: TensorDescription | None) -> ActivationRounding | None:
    if tensor is None or tensor.dtype not in ("int8", "int16") or len(tensor.scales) != 1:
        return None
    return ActivationRounding(tensor.scales[0], tensor.zero_points[0], _BITS[tensor.dtype])


def _weights(tensor: TensorDescription) -> WeightRounding:
    axis = tensor.quantized_dimension if len(tensor.scales) > 1 else None
    return WeightRounding(_BITS.get(tensor.dtype, 32), axis)
