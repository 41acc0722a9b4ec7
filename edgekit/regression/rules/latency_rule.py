"""Latency rule: is the candidate slower than the baseline by more than noise and allowance?"""

from __future__ import annotations

from edgekit.regression.baseline.stored import LatencyRatio
from edgekit.regression.rules.thresholds import MAX_SLOWDOWN, Limits
from edgekit.regression.verdicts import RuleResult, Verdict


def latency_is_too_large(baseline: LatencyRatio, candidate: LatencyRatio, max_slowdown: float) -> bool:
    """Whether the candidate's ratio exceeds the allowed one by more than the noise of both measurements."""
    return candidate.low > baseline.high * (1 + max_slowdown)


def judge_latency(baseline: LatencyRatio | None, candidate: LatencyRatio | None, limits: Limits) -> RuleResult:
    """Fail if the ratio to the reference model has grown by more than allowed and noise explains.

    The ratio depends on processor and interpreter: if they differ from the baseline's, the rule only warns.
    """
    if candidate is None or baseline is None or limits[MAX_SLOWDOWN] is False:
        why = "not requested" if limits[MAX_SLOWDOWN] is False else "the baseline has no latency"
        return RuleResult("latency", Verdict.SKIPPED, "–", "–", why)
    growth = candidate.ratio / baseline.ratio - 1
    allowed = f"at most {100 * limits[MAX_SLOWDOWN]:g} % slower against {baseline.reference}"
    measured = (
        f"{baseline.ratio:.3f} → {candidate.ratio:.3f} × the reference ({round(100 * growth):+d} %), "
        f"99 %: {candidate.low:.3f} to {candidate.high:.3f}; {candidate.p50_ms:.3f} ms on {candidate.machine}"
    )
    if candidate.reference != baseline.reference:
        why = f"measured against {candidate.reference}: update the baseline for a comparison"
        return RuleResult("latency", Verdict.WARNING, allowed, measured, why)
    too_large = latency_is_too_large(baseline, candidate, limits[MAX_SLOWDOWN])
    if not too_large and growth > limits[MAX_SLOWDOWN]:
        noise = sum((each.high - each.low) / (2 * each.ratio) for each in (baseline, candidate))
        return RuleResult("latency", Verdict.WARNING, allowed, measured, f"too noisy to tell: ±{100 * noise:.0f} %")
    if not too_large:
        return RuleResult("latency", Verdict.PASSED, allowed, measured, "timed alternately with the reference model")
    if candidate.machine != baseline.machine:
        why = f"the baseline was timed on another machine ({baseline.machine}), on which the ratio may differ"
        return RuleResult("latency", Verdict.WARNING, allowed, measured, why)
    return RuleResult("latency", Verdict.FAILED, allowed, measured, "slower than noise and allowance explain")
