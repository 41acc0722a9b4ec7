"""Which rule judges which kind of answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from typing import Concatenate, ParamSpec

from edgekit.regression.answers import Answers, ClassAnswers, ErrorAnswers, NamedAnswers, OutputAnswers, ScoreAnswers
from edgekit.regression.rules.accuracy_rule import judge_accuracy, judge_agreement, judge_scores
from edgekit.regression.rules.error_rule import judge_error, judge_outputs
from edgekit.regression.rules.thresholds import Limits
from edgekit.regression.verdicts import RuleResult, Verdict

Judging = ParamSpec("Judging")


def _by_output(
    judge: Callable[Concatenate[Answers, Answers, Judging], tuple[RuleResult, ...]],
) -> Callable[Concatenate[Answers, Answers, Judging], tuple[RuleResult, ...]]:
    """The same for models of several outputs: each output is judged by itself, and named."""

    @wraps(judge)
    def judged(
        baseline: Answers, candidate: Answers, *arguments: Judging.args, **named: Judging.kwargs
    ) -> tuple[RuleResult, ...]:
        if not isinstance(baseline, NamedAnswers) or not isinstance(candidate, NamedAnswers):
            return judge(baseline, candidate, *arguments, **named)
        return tuple(
            replace(result, measured=f"{name}: {result.measured}")
            for name, before in baseline.by_output.items()
            if name in candidate.by_output
            for result in judge(before, candidate.by_output[name], *arguments, **named)
        )

    return judged


@_by_output
def accuracy_results(baseline: Answers, candidate: Answers, limits: Limits, seed: int) -> tuple[RuleResult, ...]:
    """Judge labelled classes and scores; other classes than the baseline's fail.

    Args:
        baseline: What the baseline's model answered.
        candidate: What the candidate answered to the same samples.
        limits: The limits.
        seed: Of everything drawn at random.
    """
    if isinstance(baseline, ClassAnswers) and isinstance(candidate, ClassAnswers):
        if baseline.classes != candidate.classes:
            counts = f"{baseline.classes} → {candidate.classes} classes"
            why = "the model answers another question than the baseline's"
            return (RuleResult("accuracy", Verdict.FAILED, "the baseline's classes", counts, why),)
        return () if candidate.labels is None else (judge_accuracy(baseline, candidate, limits),)
    if isinstance(baseline, ScoreAnswers) and isinstance(candidate, ScoreAnswers):
        return (judge_scores(baseline, candidate, limits, seed),)
    return ()


@_by_output
def agreement_results(baseline: Answers, candidate: Answers, limits: Limits) -> tuple[RuleResult, ...]:
    """Compare predicted classes, if the models have the same classes."""
    if not isinstance(baseline, ClassAnswers) or not isinstance(candidate, ClassAnswers):
        return ()
    return (judge_agreement(baseline, candidate, limits),) if baseline.classes == candidate.classes else ()


@_by_output
def error_results(baseline: Answers, candidate: Answers, limits: Limits, seed: int) -> tuple[RuleResult, ...]:
    """Judge errors against the targets of the data."""
    if isinstance(baseline, ErrorAnswers) and isinstance(candidate, ErrorAnswers):
        return (judge_error(baseline, candidate, limits, seed),)
    return ()


def output_results(baseline: Answers, candidate: Answers, limits: Limits) -> tuple[RuleResult, ...]:
    """Judge outputs that the data has no targets for; other outputs than the baseline's, or of another kind, fail."""
    if isinstance(baseline, NamedAnswers) and isinstance(candidate, NamedAnswers):
        before, now = (", ".join(sorted(each.by_output)) for each in (baseline, candidate))
        if before != now:
            why = "the model has other outputs than the baseline's"
            return (RuleResult("outputs", Verdict.FAILED, f"the outputs {before}", now, why),)
    return _results_of_outputs(baseline, candidate, limits)


@_by_output
def _results_of_outputs(baseline: Answers, candidate: Answers, limits: Limits) -> tuple[RuleResult, ...]:
    if isinstance(baseline, OutputAnswers) and isinstance(candidate, OutputAnswers):
        return (judge_outputs(baseline, candidate, limits),)
    if type(baseline) is type(candidate):
        return ()
    why = "the model's outputs are of another kind than the baseline's"
    return (RuleResult("outputs", Verdict.FAILED, "the baseline's kind of outputs", "another kind", why),)
