"""The variants of a conversion: which of them suit the targets, and what there is to say of the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from edgekit.conversion.options import ConversionOptions
from edgekit_converters.quantization.modes import IoType, Mode
from edgekit_converters.quantization.ranges import Ranges
from edgekit_converters.targets.adaptation import (
    TargetedModel,
    TargetRefusalError,
    quantize_for_targets,
    require_mode,
)
from edgekit_runtime.errors import UsageError

#: What a conversion is made for where nobody says otherwise, and the interpreter of many Raspberry Pis, which is the
#: only one for 32-bit ones: worth a word where nobody asked.
_WORTH_A_NOTE = ("litert", "tflite-runtime-2.14")


def fitting_outputs(outputs: Mapping[Mode, Path], targets: Sequence[str]) -> tuple[dict[Mode, Path], list[str]]:
    """Leave out the variants that a target cannot run whatever the model.

    Args:
        outputs: The variants asked for.
        targets: Names of targets.
    Returns:
        The variants that are left, and a sentence for each of the others.
    Raises:
        UsageError: None is left.
    """
    fitting: dict[Mode, Path] = {}
    notes: list[str] = []
    refusal: UsageError | None = None
    for mode, path in outputs.items():
        try:
            require_mode(mode, targets)
            fitting[mode] = path
        except UsageError as error:
            refusal = error
            notes.append(f"{mode.value} was left out: {error.problem}")
    if refusal is not None and not fitting:
        raise refusal
    return fitting, notes


def quantize_variants(
    model: bytes, io_types: Mapping[Mode, IoType], options: ConversionOptions, ranges: Ranges | None
) -> tuple[dict[Mode, TargetedModel], list[str]]:
    """Quantize a float32 model to each of several modes.

    Args:
        model: The float32 .tflite.
        io_types: The modes, and the type of inputs and outputs of each.
        options: Targets and scheme.
        ranges: What calibration measured; None where no mode needs it.
    Returns:
        A model for each mode that the targets run, and a sentence for each of the others.
    Raises:
        TargetRefusalError: The targets run none of them.
        EdgekitError: The quantizer cannot handle the model.
    """
    made: dict[Mode, TargetedModel] = {}
    notes: list[str] = []
    last: TargetRefusalError | None = None
    for mode, io in io_types.items():
        try:
            made[mode] = quantize_for_targets(model, mode, options.targets, io=io, scheme=options.scheme, ranges=ranges)
        except TargetRefusalError as refusal:
            last = refusal
            notes.append(f"{mode.value} was left out: {refusal.problem}")
    if last is not None and not made:
        raise last
    return made, notes


def notes_on_support(models: Mapping[Mode, TargetedModel]) -> list[str]:
    """Sentences on the variants that common runtimes do not run, for a conversion without a target."""
    notes = []
    for target in _WORTH_A_NOTE:
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
