"""Quantizes the variants of a conversion and omits, with a note, those that the targets cannot run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from edgekit.conversion.float_base import FloatBase
from edgekit.conversion.options import ConversionOptions
from edgekit_converters.lowering import LoweredModel
from edgekit_converters.quantization.modes import IoType, Mode
from edgekit_converters.targets.adaptation import (
    TargetedModel,
    TargetRefusalError,
    quantize_for_targets,
    require_mode,
)
from edgekit_converters.targets.target import RECORDS
from edgekit_runtime.errors import ConversionError, EdgekitError, UsageError
from edgekit_runtime.tflite.tflite_model import TfliteModel

Made = TypeVar("Made")


def supported_outputs(outputs: Mapping[Mode, Path], targets: Sequence[str]) -> tuple[dict[Mode, Path], list[str]]:
    """Remove the variants that a target cannot run, whatever the model.

    Args:
        outputs: Requested variants.
        targets: Names of targets.
    Returns:
        Remaining variants, and a sentence for each removed one.
    Raises:
        UsageError: No variant remains.
    """
    supported, notes = _not_refused(outputs, lambda mode: require_mode(mode, targets), UsageError)
    return {mode: outputs[mode] for mode in supported}, notes


def outputs_of_finite_weights(
    outputs: Mapping[Mode, Path], lowered: LoweredModel, *, has_budget: bool
) -> tuple[dict[Mode, Path], list[str]]:
    """Remove the quantized variants of a model with NaN or infinite weights, because NaN has no scale.

    Args:
        outputs: Requested variants.
        lowered: The float model.
        has_budget: Whether accuracy decides between the variants, which is impossible with NaN.
    Returns:
        Remaining variants, and a sentence about the removed ones.
    Raises:
        ConversionError: No variant remains.
    """
    quantized = [mode.value for mode in outputs if mode is not Mode.NONE]
    if not lowered.defects or not quantized:
        return dict(outputs), []
    if has_budget or Mode.NONE not in outputs:
        raise ConversionError(
            f"Weights that are NaN or infinite cannot be quantized: {'; '.join(lowered.defects)}.",
            expected="finite weights",
            received=lowered.defects[0],
            next_step="train the model again, with a lower learning rate say; --quantize none converts it as it is",
        )
    left_out = f"{', '.join(quantized)} were left out: weights that are NaN or infinite cannot be quantized."
    return {Mode.NONE: outputs[Mode.NONE]}, [left_out]


def quantize_variants(
    bases: Mapping[Mode, FloatBase],
    io_types: Mapping[Mode, IoType],
    options: ConversionOptions,
    *,
    made: Mapping[Mode, TargetedModel] | None = None,
) -> tuple[dict[Mode, TargetedModel], list[str]]:
    """Quantize to each of several modes.

    Args:
        bases: The float model that each mode is made from.
        io_types: Type of inputs and outputs of each mode.
        options: Options that contain the targets and the scheme.
        made: Models that have been made already.
    Returns:
        A model for each mode that the targets can run, and a sentence for each other mode.
    Raises:
        TargetRefusalError: The targets cannot run any of the modes.
        EdgekitError: The quantizer cannot handle the model.
    """

    def quantize(mode: Mode) -> TargetedModel:
        if made and mode in made:
            return made[mode]
        base = bases[mode]
        return quantize_for_targets(
            base.model,
            mode,
            options.targets,
            io=io_types[mode],
            scheme=options.scheme,
            ranges=base.ranges,
            float_operators=base.float_operators if mode.needs_calibration else (),
        )

    return _not_refused(bases, quantize, TargetRefusalError)


def notes_on_support(models: Mapping[Mode, TargetedModel]) -> list[str]:
    """Sentences about the variants that common runtimes cannot run, for a conversion without targets."""
    notes = []
    for target in (record.name for record in RECORDS if record.is_noted):
        refused = {
            mode.value: check.findings[0]
            for mode, model in models.items()
            for check in model.checks
            if check.target == target and not check.runs
        }
        if refused:
            finding = next(iter(refused.values()))
            notes.append(
                f"{' and '.join(refused)} will not run on {target} ({finding.operator}: {finding.problem}). "
                f"If it has to, add --target {target}."
            )
    return notes


def larger_than_float(float_model: TfliteModel, models: Mapping[Mode, TargetedModel]) -> list[str]:
    """A sentence for each variant that quantization made larger, which the scales of many small tensors can cause."""
    before = len(float_model)
    return [
        f"{mode.value} makes this model larger: {len(model.model) / 1000:.1f} kB against {before / 1000:.1f} kB in"
        " float32. It has many small operators, each of which needs scales of its own."
        for mode, model in models.items()
        if mode is not Mode.NONE and len(model.model) > before
    ]


def _not_refused(
    modes: Iterable[Mode], make: Callable[[Mode], Made], refusal: type[EdgekitError]
) -> tuple[dict[Mode, Made], list[str]]:
    """The results of ``make`` by mode, and a sentence for each mode it refuses; raises if it refuses all modes."""
    made: dict[Mode, Made] = {}
    notes: list[str] = []
    last: EdgekitError | None = None
    for mode in modes:
        try:
            made[mode] = make(mode)
        except refusal as error:
            last = error
            notes.append(f"{mode.value} was left out: {error.problem}")
    if last is not None and not made:
        raise last
    return made, notes
