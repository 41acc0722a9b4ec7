"""The rules that fit a model's kind of answers."""

from __future__ import annotations

from edgekit.regression.accuracy_rule import judge_accuracy, judge_agreement, judge_scores
from edgekit.regression.answers import Answers, ClassAnswers, ErrorAnswers, OutputAnswers, ScoreAnswers
from edgekit.regression.configuration import Thresholds
from edgekit.regression.error_rule import judge_error, judge_outputs
from edgekit.regression.verdicts import RuleResult, Verdict


def judge_answers(baseline: Answers, candidate: Answers, limits: Thresholds, *, seed: int) -> tuple[RuleResult, ...]:
    """Judge answers to the same samples.

    Args:
        baseline: What the baseline's model answered.
        candidate: What the candidate answered.
        limits: The limits.
        seed: Of everything drawn at random.
    """
    if isinstance(baseline, ClassAnswers) and isinstance(candidate, ClassAnswers):
        if baseline.classes != candidate.classes:
            counts = f"{baseline.classes} → {candidate.classes} classes"
            why = "the model answers another question than the baseline's"
            return (RuleResult("accuracy", Verdict.FAILED, "the baseline's classes", counts, why),)
        agreement = judge_agreement(baseline, candidate, limits)
        if candidate.labels is None:
            return (agreement,)
        return judge_accuracy(baseline, candidate, limits), agreement
    if isinstance(baseline, ErrorAnswers) and isinstance(candidate, ErrorAnswers):
        return (judge_error(baseline, candidate, limits, seed),)
    if isinstance(baseline, ScoreAnswers) and isinstance(candidate, ScoreAnswers):
        return (judge_scores(baseline, candidate, limits, seed),)
    if isinstance(baseline, OutputAnswers) and isinstance(candidate, OutputAnswers):
        return (judge_outputs(baseline, candidate, limits),)
    why = "the model's outputs are of another kind than the baseline's"
    return (RuleResult("outputs", Verdict.FAILED, "the baseline's kind of outputs", "another kind", why),)
