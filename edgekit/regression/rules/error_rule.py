"""Rules for outputs that are not classes: errors relative to the ground truth, or changes relative to the baseline."""

from __future__ import annotations

import numpy as np

from edgekit.counting import counted
from edgekit.parity.paired_statistics import mae_increase, paired_bootstrap
from edgekit.regression.predictions import PredictionErrors, RawOutputs
from edgekit.regression.rules.thresholds import MAX_ERROR_GROWTH, MAX_OUTPUT_CHANGE, SIGNIFICANCE, STRICT, Limits
from edgekit.regression.verdicts import RuleResult, Verdict


def judge_error(baseline: PredictionErrors, candidate: PredictionErrors, limits: Limits, seed: int) -> RuleResult:
    """Fail if the mean absolute error has grown by more than allowed and the growth is statistically significant.

    Args:
        baseline: Errors of the baseline.
        candidate: Errors of the candidate for the same examples.
        limits: ``max_error_growth``, ``significance`` and ``strict``.
        seed: Seed of the bootstrap.
    """
    before, after = baseline.mean_absolute_error, candidate.mean_absolute_error
    # The lower end of this interval has a one-sided error of ``significance``.
    confidence = 1 - 2 * limits[SIGNIFICANCE]
    interval = paired_bootstrap(mae_increase, baseline.errors, candidate.errors, confidence=confidence, seed=seed)
    too_large, real = after - before > limits[MAX_ERROR_GROWTH] * before, interval.low > 0
    worse = Verdict.FAILED if real or limits[STRICT] else Verdict.WARNING
    verdict = worse if too_large else Verdict.PASSED
    why = (
        f"paired bootstrap over {counted(len(candidate.errors), 'example')}: the error grows by {interval.low:.3g} to "
        f"{interval.high:.3g} with {100 * confidence:g} % confidence" + ("" if real else ", which may be chance")
    )
    growth = "" if before == 0 else f" ({100 * (after / before - 1):+.1f} %)"
    return RuleResult(
        "error",
        verdict,
        f"mean absolute error at most {100 * limits[MAX_ERROR_GROWTH]:g} % larger",
        f"{before:.4g} → {after:.4g}{growth}",
        why,
    )


def judge_outputs(baseline: RawOutputs, candidate: RawOutputs, limits: Limits) -> RuleResult:
    """Fail if outputs without ground truth differ too much from the baseline's."""
    allowed = f"outputs within {100 * limits[MAX_OUTPUT_CHANGE]:g} % of the baseline's"
    if len(baseline.outputs) != len(candidate.outputs):
        why = f"{len(baseline.outputs)} stored values, {len(candidate.outputs)} now: the shape of the outputs differs"
        return RuleResult("outputs", Verdict.FAILED, allowed, "another shape", why)
    scale = float(np.sqrt(np.mean(np.square(baseline.outputs)))) or 1.0
    change = float(np.sqrt(np.mean(np.square(candidate.outputs - baseline.outputs)))) / scale
    return RuleResult(
        "outputs",
        Verdict.FAILED if change > limits[MAX_OUTPUT_CHANGE] else Verdict.PASSED,
        allowed,
        f"{100 * change:.2f} %",
        f"root mean square change of {len(baseline.outputs)} values, without ground truth",
    )
