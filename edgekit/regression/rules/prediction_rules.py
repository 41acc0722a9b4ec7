"""Selects the rule that judges each kind of predictions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from typing import Concatenate, ParamSpec

from edgekit.regression.box_predictions import BoxPredictions
from edgekit.regression.predictions import (
    ClassPredictions,
    NamedPredictions,
    PredictionErrors,
    Predictions,
    PredictionScores,
    RawOutputs,
)
from edgekit.regression.rules.accuracy_rule import judge_accuracy, judge_agreement, judge_scores
from edgekit.regression.rules.box_rule import judge_boxes
from edgekit.regression.rules.error_rule import judge_error, judge_outputs
from edgekit.regression.rules.thresholds import Limits
from edgekit.regression.verdicts import RuleResult, Verdict

Judging = ParamSpec("Judging")


def _by_output(
    judge: Callable[Concatenate[Predictions, Predictions, Judging], tuple[RuleResult, ...]],
) -> Callable[Concatenate[Predictions, Predictions, Judging], tuple[RuleResult, ...]]:
    """Extend a rule to models with several outputs: each output is judged separately and named in its results."""

    @wraps(judge)
    def judged(
        baseline: Predictions, candidate: Predictions, *arguments: Judging.args, **named: Judging.kwargs
    ) -> tuple[RuleResult, ...]:
        if not isinstance(baseline, NamedPredictions) or not isinstance(candidate, NamedPredictions):
            return judge(baseline, candidate, *arguments, **named)
        return tuple(
            replace(result, measured=f"{name}: {result.measured}")
            for name, before in baseline.by_output.items()
            if name in candidate.by_output
            for result in judge(before, candidate.by_output[name], *arguments, **named)
        )

    return judged


@_by_output
def accuracy_results(
    baseline: Predictions, candidate: Predictions, limits: Limits, seed: int
) -> tuple[RuleResult, ...]:
    """Judge classes, scores and boxes with ground truth; fail if the number of classes differs.

    Args:
        baseline: Predictions of the baseline.
        candidate: Predictions of the candidate for the same examples.
        limits: Limits of the model.
        seed: Seed of everything random.
    """
    if isinstance(baseline, ClassPredictions) and isinstance(candidate, ClassPredictions):
        if baseline.classes != candidate.classes:
            counts = f"{baseline.classes} → {candidate.classes} classes"
            why = "the number of classes differs from the baseline's"
            return (RuleResult("accuracy", Verdict.FAILED, "the baseline's classes", counts, why),)
        return () if candidate.true_classes is None else (judge_accuracy(baseline, candidate, limits),)
    if isinstance(baseline, PredictionScores) and isinstance(candidate, PredictionScores):
        return (judge_scores(baseline, candidate, limits, seed),)
    if isinstance(baseline, BoxPredictions) and isinstance(candidate, BoxPredictions):
        return (judge_boxes(baseline, candidate, limits, seed),)
    return ()


@_by_output
def agreement_results(baseline: Predictions, candidate: Predictions, limits: Limits) -> tuple[RuleResult, ...]:
    """Compare predicted classes, if both models have the same number of classes."""
    if not isinstance(baseline, ClassPredictions) or not isinstance(candidate, ClassPredictions):
        return ()
    return (judge_agreement(baseline, candidate, limits),) if baseline.classes == candidate.classes else ()


@_by_output
def error_results(baseline: Predictions, candidate: Predictions, limits: Limits, seed: int) -> tuple[RuleResult, ...]:
    """Judge errors relative to the ground truth."""
    if isinstance(baseline, PredictionErrors) and isinstance(candidate, PredictionErrors):
        return (judge_error(baseline, candidate, limits, seed),)
    return ()


def output_results(baseline: Predictions, candidate: Predictions, limits: Limits) -> tuple[RuleResult, ...]:
    """Judge raw outputs, for which the data has no ground truth; fail if the outputs or their kinds differ."""
    if isinstance(baseline, NamedPredictions) and isinstance(candidate, NamedPredictions):
        before, now = (", ".join(sorted(each.by_output)) for each in (baseline, candidate))
        if before != now:
            why = "the model has different outputs than the baseline"
            return (RuleResult("outputs", Verdict.FAILED, f"the outputs {before}", now, why),)
    return _results_of_outputs(baseline, candidate, limits)


@_by_output
def _results_of_outputs(baseline: Predictions, candidate: Predictions, limits: Limits) -> tuple[RuleResult, ...]:
    if isinstance(baseline, RawOutputs) and isinstance(candidate, RawOutputs):
        return (judge_outputs(baseline, candidate, limits),)
    if type(baseline) is type(candidate):
        return ()
    why = "the outputs are of a different kind than the baseline's"
    return (RuleResult("outputs", Verdict.FAILED, "outputs of the baseline's kind", "another kind", why),)
