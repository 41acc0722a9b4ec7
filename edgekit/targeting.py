"""Which variants of a conversion suit the targets, and what a conversion has to say of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from edgekit_converters.quantization.modes import Mode
from edgekit_converters.targets.adaptation import TargetedModel, require_mode
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
                f"{' and '.join(refused)} will not run on {target} ({finding.operator} {finding.problem}). "
                f"If it has to, add --target {target}."
            )
    return notes
