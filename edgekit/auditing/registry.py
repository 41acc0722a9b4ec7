"""Lists the checks of an audit, in the order of their results; to add a check, add its record."""

from __future__ import annotations

from edgekit.auditing.check import Check, CheckResult, Need
from edgekit.auditing.checks import file_checks, prediction_checks, quantization_checks
from edgekit.auditing.context import AuditContext

_PARSED = (Need.STRUCTURE,)
_RUN = (Need.STRUCTURE, Need.RUNS)


def run_checks(context: AuditContext) -> tuple[CheckResult, ...]:
    """Run all checks and return their results.

    Raises:
        EdgekitError: The data or the reference model cannot be read or is not compatible with the file.
    """
    return tuple(_run(check, context) for check in CHECKS)


def _run(check: Check, context: AuditContext) -> CheckResult:
    reason = next((need.value for need in check.needs if context.missing(need)), "")
    if reason:
        return CheckResult(check.name, (), check.advice, skipped=reason)
    return CheckResult(check.name, tuple(check.judge(context)), check.advice)


CHECKS: tuple[Check, ...] = (
    Check(
        "structure",
        (),
        file_checks.judge_structure,
        "Copy or download the file again; if it is the same, its converter is at fault.",
    ),
    Check(
        "packed parts",
        _PARSED,
        file_checks.judge_packed_parts,
        "Copy the file again; edgekit verify names the tensors that changed.",
    ),
    Check(
        "operators",
        _PARSED,
        file_checks.judge_operators,
        "Convert the source model with edgekit convert --target, or use another runtime.",
    ),
    Check(
        "runtime traps",
        _PARSED,
        file_checks.judge_traps,
        "Convert the source model with edgekit convert --target: it avoids these.",
    ),
    Check(
        "unused inputs",
        _PARSED,
        file_checks.judge_unused_inputs,
        "Export the model again: a constant took the place of what was computed from the input.",
    ),
    Check(
        "zero scales",
        _PARSED,
        quantization_checks.judge_zero_scales,
        "Calibrate with real data: a tensor that was always 0 gets such a scale.",
    ),
    Check(
        "clipped weights",
        _PARSED,
        quantization_checks.judge_clipped_weights,
        "Quantize again with ranges that hold all weights, or with one scale per channel.",
    ),
    Check(
        "one scale per tensor",
        _PARSED,
        quantization_checks.judge_one_scale_weights,
        "Quantize with one scale per channel: edgekit convert does unless a target cannot run it.",
    ),
    Check(
        "metadata", _PARSED, file_checks.judge_metadata, "edgekit pack adds labels, preprocessing and golden examples."
    ),
    Check(
        "runs here",
        _PARSED,
        prediction_checks.judge_runs,
        "edgekit inspect --target names the runtimes that run it.",
    ),
    Check(
        "finite outputs",
        _RUN,
        prediction_checks.judge_finite_outputs,
        "Look for NaN in the weights of the source model, and for float16 values that overflow.",
    ),
    Check(
        "constant outputs",
        _RUN,
        prediction_checks.judge_constant_outputs,
        "Its weights or ranges are lost: convert the source model again, calibrated with real data.",
    ),
    Check(
        "input ranges",
        (*_RUN, Need.DATA),
        prediction_checks.judge_input_ranges,
        "Pass --pixel-range with what pixels become, or calibrate on data of this scale.",
    ),
    Check(
        "clipped activations",
        (*_RUN, Need.DATA),
        prediction_checks.judge_clipped_activations,
        "Calibrate on data as varied as this; check that --pixel-range is what the model was trained on.",
    ),
    Check(
        "accuracy",
        (*_RUN, Need.DATA),
        prediction_checks.judge_accuracy,
        "Check preprocessing and the order of the labels first; then convert the source model again.",
    ),
    Check(
        "comparison",
        (*_RUN, Need.REFERENCE),
        prediction_checks.judge_comparison,
        "edgekit validate shows where they differ, and --layers which layer is at fault.",
    ),
)
