"""Accuracy and agreement: is the candidate really worse, or may the difference be due to chance?"""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import NormalDist
from typing import Any

import numpy as np

from edgekit.counting import counted, points, points_between
from edgekit.parity.paired_statistics import (
    PairedCounts,
    drop_interval,
    mcnemar_exact,
    score_drop_interval,
    sign_flip_test,
)
from edgekit.regression.predictions import ClassPredictions, PredictionScores
from edgekit.regression.rules.thresholds import (
    MAX_DROP,
    MAX_OUTPUT_CHANGE,
    MIN_AGREEMENT,
    SIGNIFICANCE,
    STRICT,
    Limits,
)
from edgekit.regression.verdicts import RuleResult, Verdict

#: Probability that the rule fails a true drop of the size that is printed as detectable.
_POWER = 0.95
_DETECTION_STEPS = 60


def drop_is_too_large(losses: Any, gains: Any, examples: Any, max_drop: float) -> Any:
    """Whether the drop ``(losses - gains) / examples`` exceeds the allowed one; numbers or arrays."""
    # A millionth of an example absorbs the rounding of max_drop × examples.
    return np.asarray(losses) - np.asarray(gains) > max_drop * np.asarray(examples) + 1e-6


def drop_is_real(losses: Any, gains: Any, significance: float) -> Any:
    """Whether losses exceed gains significantly, by McNemar's one-sided exact test."""
    return np.asarray(mcnemar_exact(losses, gains, "worse")) < significance


def judge_accuracy(baseline: ClassPredictions, candidate: ClassPredictions, limits: Limits) -> RuleResult:
    """Fail if the top-1 drop is both larger than allowed and statistically significant.

    Args:
        baseline: Predictions of the baseline, with ground truth.
        candidate: Predictions of the candidate for the same examples.
        limits: ``max_drop``, ``significance`` and ``strict``.
    """
    counts = PairedCounts.of(baseline.right, candidate.right)
    losses, gains = counts.only_reference, counts.only_candidate
    interval = drop_interval(counts)
    p_value = mcnemar_exact(losses, gains, "worse")
    too_large = bool(drop_is_too_large(losses, gains, counts.examples, limits[MAX_DROP]))
    real = bool(drop_is_real(losses, gains, limits[SIGNIFICANCE]))
    evidence = (
        f"{losses} of {counted(counts.examples, 'example')} regressed, {gains} improved (McNemar {_p_value(p_value)})"
    )
    if not too_large:
        verdict, why = Verdict.PASSED, evidence
    elif real or limits[STRICT]:
        verdict = Verdict.FAILED
        why = evidence + ("" if real else f", not significant at {limits[SIGNIFICANCE]:g}, but strict is set")
    else:
        verdict, why = Verdict.WARNING, f"{evidence}, which may be chance"
    changed = (losses + gains) / counts.examples
    detectable = detectable_drop(changed, counts.examples, limits)
    return RuleResult(
        "accuracy",
        verdict,
        f"drop of at most {100 * limits[MAX_DROP]:g} points" + (", strict" if limits[STRICT] else ""),
        f"{100 * counts.reference_accuracy:.2f} → {100 * counts.candidate_accuracy:.2f} %, "
        f"{points(-counts.accuracy_drop)} (95 %: {points_between(-interval.high, -interval.low)})",
        f"{why}; {power_sentence(detectable)} while {100 * changed:.1f} % change between right and wrong",
        detectable,
    )


def judge_scores(baseline: PredictionScores, candidate: PredictionScores, limits: Limits, seed: int) -> RuleResult:
    """Fail if the drop of a mean score is both larger than allowed and statistically significant.

    Args:
        baseline: Scores of the baseline, one per example.
        candidate: Scores of the candidate for the same examples.
        limits: ``max_drop``, ``significance`` and ``strict``.
        seed: Seed of the permutation test and the bootstrap.
    """
    # The baseline's scores are stored with three digits; the rounding must not count as a difference.
    scores = [each.scores.astype(np.float16).astype(np.float64) for each in (baseline, candidate)]
    parts = [np.stack([each, np.ones(len(each))], axis=1) for each in scores]
    interval = score_drop_interval(lambda sums: sums[..., 0] / sums[..., 1], *parts, seed=seed)
    p_value = sign_flip_test(scores[0] - scores[1], "worse", seed=seed)
    drop = float(scores[0].mean() - scores[1].mean())
    real = p_value < limits[SIGNIFICANCE]
    lost, won = (int(np.count_nonzero(sign * (scores[0] - scores[1]) > 0)) for sign in (1, -1))
    why = (
        f"{lost} of {counted(len(scores[0]), 'example')} got worse, {won} better (permutation test {_p_value(p_value)})"
    )
    if drop <= limits[MAX_DROP] + 1e-9:
        verdict = Verdict.PASSED
    elif real or limits[STRICT]:
        verdict = Verdict.FAILED
        why += "" if real else f", not significant at {limits[SIGNIFICANCE]:g}, but strict is set"
    else:
        verdict, why = Verdict.WARNING, f"{why}, which may be chance"
    spread = float(np.std(scores[0] - scores[1])) / math.sqrt(len(scores[0]))
    detectable = smallest_detectable(lambda _: spread, limits)
    return RuleResult(
        "accuracy",
        verdict,
        f"drop of {candidate.metric} of at most {100 * limits[MAX_DROP]:g} points"
        + (", strict" if limits[STRICT] else ""),
        f"{100 * scores[0].mean():.2f} → {100 * scores[1].mean():.2f} %, {points(-drop)} "
        f"(95 %: {points_between(-interval.high, -interval.low)})",
        f"{why}; {power_sentence(detectable)}",
        detectable,
    )


def judge_agreement(baseline: ClassPredictions, candidate: ClassPredictions, limits: Limits) -> RuleResult:
    """Fail if too few predictions agree with the baseline's.

    Without ground truth no other rule would notice a worse model, so ``max_output_change`` limits changed predictions.
    """
    share = float(np.mean(baseline.predicted == candidate.predicted))
    changed = int(np.count_nonzero(baseline.predicted != candidate.predicted))
    asked = limits[MIN_AGREEMENT]
    if asked is None and candidate.true_classes is None:
        asked = max(0.0, 1 - limits[MAX_OUTPUT_CHANGE])
    if asked is None:
        verdict, allowed = Verdict.SKIPPED, "not requested (min_agreement)"
    else:
        verdict, allowed = (Verdict.PASSED if share >= asked else Verdict.FAILED), f"at least {100 * asked:g} %"
    why = f"{changed} of {counted(len(candidate.predicted), 'example')} changed relative to the baseline"
    return RuleResult("agreement", verdict, allowed, f"{100 * share:.2f} %", why)


def detectable_drop(changed: float, examples: int, limits: Limits) -> float:
    """The smallest true drop, a fraction, that ``judge_accuracy`` fails with 95 % probability.

    Losses minus gains of N examples are nearly normal with a standard deviation of ``sqrt(changed × N)``, so a drop is
    found significant with this power from ``(z_significance + z_power) × sqrt(changed / N)`` on. It must also be
    measured as larger than ``max_drop``. A drop larger than ``changed`` changes as many examples itself.

    Args:
        changed: Share of the examples that one of the models gets right and the other wrong.
        examples: Number of examples.
        limits: ``significance``, ``max_drop`` and ``strict``.
    """
    return smallest_detectable(lambda drop: math.sqrt(max(changed, drop) / examples), limits)


def smallest_detectable(standard_error: Callable[[float], float], limits: Limits) -> float:
    """The true drop that reaches the power; the standard error of a measured drop is a function of the true one."""
    missed = NormalDist().inv_cdf(_POWER)
    proof = 0.0 if limits[STRICT] else max(0.0, -NormalDist().inv_cdf(limits[SIGNIFICANCE]))
    drop = 1.0
    # Fixed-point iteration from above: the standard error depends on the drop.
    for _ in range(_DETECTION_STEPS):
        error = standard_error(drop)
        drop = min(1.0, max((proof + missed) * error, limits[MAX_DROP] + missed * error))
    return drop


def power_sentence(drop: float) -> str:
    """The words for a detectable drop."""
    return f"a true drop of {100 * drop:.2g} points would fail in {100 * _POWER:g} % of the cases"


def _p_value(value: float) -> str:
    return f"p = {value:.2g}" if value >= 0.0001 else "p < 0.0001"
