"""Holds a float model and what is needed to quantize it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from edgekit.conversion.options import ConversionOptions
from edgekit_converters.quantization.modes import IoType, Mode
from edgekit_converters.quantization.ranges import Ranges
from edgekit_converters.targets.adaptation import TargetedModel, quantize_for_targets
from edgekit_runtime.errors import UsageError
from edgekit_runtime.tflite.description import ModelDescription
from edgekit_runtime.tflite.tflite_model import TfliteModel


@dataclass(frozen=True, slots=True, eq=False)
class FloatBase:
    """A float model that a mode is quantized from.

    Attributes:
        model: The float32 .tflite.
        ranges: Ranges measured on it; None if no mode needs them.
        float_operators: Operators that stay in float in calibrated modes.
    """

    model: TfliteModel
    ranges: Ranges | None
    float_operators: tuple[str, ...] = ()

    def quantized(self, mode: Mode, options: ConversionOptions, in_float: Collection[str] = ()) -> TargetedModel:
        """The model in a mode.

        Args:
            mode: Quantization mode.
            options: Options that contain the targets, the scheme and the type of inputs and outputs.
            in_float: Output tensors of further operators that stay in float, whatever the mode.
        Raises:
            ConversionError: The model cannot be converted to this mode, or a target cannot run it.
        """
        own = self.float_operators if mode.needs_calibration else ()
        return quantize_for_targets(
            self.model,
            mode,
            options.targets,
            io=options.io if options.io in mode.io_types else IoType.FLOAT32,
            scheme=options.scheme,
            ranges=self.ranges if mode.needs_calibration else None,
            float_operators=(*own, *in_float),
        )


def operators_of_kinds(description: ModelDescription, kinds: Sequence[str]) -> tuple[str, ...]:
    """Names of the first output tensors of all operators of some kinds, in execution order.

    Args:
        description: The float model.
        kinds: Names of builtin operators in any case, such as ``hard_swish``.
    Raises:
        UsageError: The model has no operator of a kind.
    """
    graph = description.subgraphs[0]
    present = {operator.name for operator in graph.operators}
    wanted = {kind.upper() for kind in kinds}
    if not wanted <= present:
        raise UsageError(
            f"The model has no operator {min(wanted - present)}.",
            expected=f"one of {', '.join(sorted(present))}",
            next_step="see edgekit inspect for the operators of a .tflite",
        )
    return tuple(graph.tensors[operator.outputs[0]].name for operator in graph.operators if operator.name in wanted)
