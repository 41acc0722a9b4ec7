"""Quantizes for targets: what a target cannot run is done in another way, or rejected before any work."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from edgekit_converters.quantization.modes import IoType, Mode, Scheme
from edgekit_converters.quantization.quantize import quantize
from edgekit_converters.quantization.ranges import Ranges
from edgekit_converters.targets.check import TargetCheck, check_targets
from edgekit_converters.targets.rules import Remedy
from edgekit_converters.targets.target import RECORDS, find_target, target_names
from edgekit_runtime.errors import ConversionError, UsageError
from edgekit_runtime.tflite.description import ModelDescription
from edgekit_runtime.tflite.tflite_model import TfliteModel

#: Targets that a conversion without ``--target`` adapts to, without ever failing for them.
_DEFAULT_TARGETS = ("litert",)
#: Adapting one operator may reveal another, for example if the boundary of a loop moves.
_MOST_ATTEMPTS = 4


class TargetRefusalError(ConversionError):
    """A target cannot run a model, judging by its operators."""


def needs_fixed_batch(targets: Collection[str]) -> bool:
    """Whether one of the targets uses shapes exactly as they are stored."""
    return any(record.needs_fixed_batch for record in RECORDS if record.name in targets)


def require_mode(mode: Mode, targets: Sequence[str]) -> None:
    """Reject a mode that one of the targets cannot run, whatever the model.

    Raises:
        UsageError: Names the reason, and the modes that all the targets can run.
    """
    for target in targets:
        reason = mode.record.unfit_targets.get(find_target(target).name)
        if reason is not None:
            fit = [each.value for each in Mode if each.record.unfit_targets.keys().isdisjoint(targets)]
            raise UsageError(
                f"--quantize {mode.value} does not go with --target {target}: {reason}.",
                expected=f"--quantize {', '.join(fit[:-1])} or {fit[-1]}",
                next_step=f"use --quantize int8, or leave --target {target} out",
            )


@dataclass(frozen=True, slots=True)
class TargetedModel:
    """A model that its targets can run, and what was changed for that.

    Attributes:
        model: The model.
        per_tensor_operators: Kinds of operators whose weights got one scale because of a target.
        float_operators: Names of output tensors whose operators stay in float because of a target.
        checks: Result of checking the model against every known target.
    """

    model: TfliteModel
    per_tensor_operators: tuple[str, ...]
    float_operators: tuple[str, ...]
    checks: tuple[TargetCheck, ...]

    @property
    def targets(self) -> tuple[str, ...]:
        """Names of the targets that can run it."""
        return tuple(check.target for check in self.checks if check.runs)

    def facts(self) -> dict[str, Any]:
        """Return the fields for the manifest."""
        facts: dict[str, Any] = {"targets": list(self.targets)}
        if self.per_tensor_operators:
            facts["per_tensor_operators"] = list(self.per_tensor_operators)
        if self.float_operators:
            facts["float_operators"] = list(self.float_operators)
        return facts


def quantize_for_targets(
    model: TfliteModel,
    mode: Mode,
    targets: Sequence[str],
    *,
    io: IoType = IoType.FLOAT32,
    scheme: Scheme = Scheme.PER_CHANNEL,
    ranges: Ranges | None = None,
    float_operators: Collection[str] = (),
) -> TargetedModel:
    """Quantize a float32 model so that the targets can run it.

    Operators get one scale if a target cannot read their per-channel weights, and stay in float if a target supports
    them in float only; nothing else changes.

    Args:
        model: A float32 model with one signature.
        mode: What becomes an integer.
        targets: Names of targets; if empty, the model is adapted to LiteRT as far as possible and never rejected.
        io: Type of inputs and outputs.
        scheme: How many scales weights have, unless a target requires otherwise.
        ranges: Result of ``calibrate`` on this model.
        float_operators: Names of output tensors whose operators stay in float.
    Raises:
        UsageError: The options are incompatible.
        ConversionError: The quantizer cannot handle the model.
        TargetRefusalError: A target cannot run the result.
    """
    wanted = targets or _DEFAULT_TARGETS
    one_scale: set[str] = set()
    in_float: set[str] = set()
    for _ in range(_MOST_ATTEMPTS):
        made = quantize(
            model,
            mode,
            io=io,
            scheme=scheme,
            ranges=ranges if mode.needs_calibration else None,
            float_operators={*float_operators, *in_float},
            per_tensor_operators=one_scale,
        )
        checks = check_targets(made, target_names())
        result = TargetedModel(made, tuple(sorted(one_scale)), tuple(sorted(in_float)), checks)
        refused = [check for check in checks if check.target in wanted and not check.runs]
        kinds, written = _remedies(refused, model.description)
        if kinds <= one_scale and written <= in_float:
            break
        one_scale |= kinds
        in_float |= written
    require_runs([check for check in refused if check.target in targets], mode)
    return result


def _remedies(checks: Sequence[TargetCheck], float_model: ModelDescription) -> tuple[set[str], set[str]]:
    """Kinds of operators that need one scale, and output tensors of the float model's operators to keep in float."""
    findings = [finding for check in checks for finding in check.findings]
    if not findings:
        return set(), set()
    names = {tensor.name for graph in float_model.subgraphs for tensor in graph.tensors}
    kinds = {finding.operator for finding in findings if finding.remedy is Remedy.ONE_SCALE}
    written = {name for finding in findings if finding.remedy is Remedy.FLOAT for name in finding.outputs}
    return kinds, written & names


def require_runs(checks: Sequence[TargetCheck], mode: Mode) -> None:
    """Reject a model that one of its targets cannot run.

    Raises:
        TargetRefusalError: Names the operators and their problems.
    """
    for check in checks:
        if check.runs:
            continue
        kinds = list(dict.fromkeys(finding.operator for finding in check.findings))
        first = check.findings[0]
        raise TargetRefusalError(
            f"{check.target} cannot run this model as {mode.value}: {', '.join(kinds)}.",
            received=f"{first.operator} (operator {first.number}, {', '.join(first.tensors)}) {first.problem}",
            next_step=f"choose another --quantize, or leave --target {check.target} out",
        )
