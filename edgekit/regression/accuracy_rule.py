"""Accuracy and agreement of classifiers: is the candidate worse, or was it chance?"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from edgekit.parity.paired_statistics import (
    PairedCounts,
    drop_interval,
    mcnemar_exact,
    score_drop_interval,
    sign_flip_test,
)
from edgekit.regression.answers import ClassAnswers, ScoreAnswers
from edgekit.regression.configuration import Thresholds
from edgekit.regression.verdicts import RuleResult, Verdict


def drop_is_too_large(losses: Any, gains: Any, samples: Any, max_drop: float) -> Any:
    """Whether the drop ``(losses - gains) / samples`` exceeds the allowed one; numbers or arrays."""
    # A millionth of a sample absorbs the rounding of max_drop × samples.
    return np.asarray(losses) - np.asarray(gains) > max_drop * np.asarray(samples) + 1e-6


def drop_is_real(losses: Any, gains: Any, significance: float) -> Any:
    """Whether so many losses against so many gains are no chance, by McNemar's one-sided exact test."""
    return np.asarray(mcnemar_exact(losses, gains, "worse")) < significance


def judge_accuracy(baseline: ClassAnswers, candidate: ClassAnswers, limits: Thresholds) -> RuleResult:
    """Fail where the drop of top-1 is both larger than allowed and statistically real.

    Args:
        baseline: The baseline's answers, with labels.
        candidate: The candidate's, to the same samples.
        limits: ``max_drop``, ``significance`` and ``strict``.
    """
    counts = PairedCounts.of(baseline.right, candidate.right)
    losses, gains = counts.only_reference, counts.only_candidate
    interval = drop_interval(counts)
    p_value = mcnemar_exact(losses, gains, "worse")
    too_large = bool(drop_is_too_large(losses, gains, counts.samples, limits.max_drop))
    real = bool(drop_is_real(losses, gains, limits.significance))
    evidence = f"{losses} samples of {counts.samples} are lost and {gains} won; as much by chance: {_p_value(p_value)}"
    if not too_large:
        verdict, why = Verdict.PASSED, evidence
    elif real or limits.strict:
        verdict = Verdict.FAILED
        why = evidence + ("" if real else f", no proof at {limits.significance:g}, but strict is set")
    else:
        verdict = Verdict.WARNING
        provable = smallest_provable_drop(counts.samples, limits.significance)
        why = (
            f"{evidence}, which may be chance; {counts.samples} samples prove no drop below {100 * provable:.1f} points"
        )
    return RuleResult(
        "accuracy",
        verdict,
        f"drop of at most {100 * limits.max_drop:g} points" + (", strict" if limits.strict else ""),
        f"{100 * counts.reference_accuracy:.2f} → {100 * counts.candidate_accuracy:.2f} %, drop "
        f"{100 * counts.accuracy_drop:.2f} points (95 %: {100 * interval.low:.2f} to {100 * interval.high:.2f})",
        why,
    )


def judge_scores(baseline: ScoreAnswers, candidate: ScoreAnswers, limits: Thresholds, seed: int) -> RuleResult:
    """Fail if the drop of a mean score is both larger than allowed and statistically real, example by example.

    Args:
        baseline: The baseline's scores.
        candidate: The candidate's, of the same samples.
        limits: ``max_drop``, ``significance`` and ``strict``.
        seed: Of the permutation test and the bootstrap.
    """
    # The baseline's scores are stored with three digits: what is lost in that is no difference.
    scores = [each.scores.astype(np.float16).astype(np.float64) for each in (baseline, candidate)]
    counted = [np.stack([each, np.ones(len(each))], axis=1) for each in scores]
    interval = score_drop_interval(lambda sums: sums[..., 0] / sums[..., 1], *counted, seed=seed)
    p_value = sign_flip_test(scores[0] - scores[1], "worse", seed=seed)
    drop = float(scores[0].mean() - scores[1].mean())
    real = p_value < limits.significance
    lost, won = (int(np.count_nonzero(sign * (scores[0] - scores[1]) > 0)) for sign in (1, -1))
    why = f"{lost} of {len(scores[0])} samples got worse, {won} better (permutation test {_p_value(p_value)})"
    if drop <= limits.max_drop + 1e-9:
        verdict = Verdict.PASSED
    elif real or limits.strict:
        verdict = Verdict.FAILED
        why += "" if real else f", no proof at {limits.significance:g}, but strict is set"
    else:
        verdict, why = Verdict.WARNING, f"{why}, which may be chance"
    return RuleResult(
        "accuracy",
        verdict,
        f"drop of {candidate.metric} of at most {100 * limits.max_drop:g} points"
        + (", strict" if limits.strict else ""),
        f"{100 * scores[0].mean():.2f} → {100 * scores[1].mean():.2f} %, drop {100 * drop:.2f} points "
        f"(95 %: {100 * interval.low:.2f} to {100 * interval.high:.2f})",
        why,
    )


def judge_agreement(baseline: ClassAnswers, candidate: ClassAnswers, limits: Thresholds) -> RuleResult:
    """Fail where fewer samples than asked for get the baseline's answer.

    Without labels nothing else would notice a worse model: there ``max_output_change`` limits the changed answers.
    """
    share = float(np.mean(baseline.predicted == candidate.predicted))
    changed = int(np.count_nonzero(baseline.predicted != candidate.predicted))
    asked = limits.min_agreement
    if asked is None and candidate.labels is None:
        asked = max(0.0, 1 - limits.max_output_change)
    if asked is None:
        verdict, allowed = Verdict.SKIPPED, "not asked for (min_agreement)"
    else:
        verdict, allowed = (Verdict.PASSED if share >= asked else Verdict.FAILED), f"at least {100 * asked:g} %"
    why = f"{changed} of {len(candidate.predicted)} samples get another answer than the baseline's"
    return RuleResult("agreement", verdict, allowed, f"{100 * share:.2f} %", why)


def smallest_provable_drop(samples: int, significance: float) -> float:
    """The smallest drop that so many samples can prove, a fraction: all changes are losses, as in a run of coins."""
    return math.ceil(math.log(significance, 0.5)) / samples


def _p_value(value: float) -> str:
    return f"p = {value:.2g}" if value >= 0.0001 else "p < 0.0001"
