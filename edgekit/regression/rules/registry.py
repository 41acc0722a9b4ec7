"""The rules of the gate, in the order of their results.

Accepted thresholds, their help texts and the checks of ``edgekit check`` are all generated from ``RULES``. The help of
``edgekit check`` loads this module, so rules import their dependencies when they are called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edgekit.regression.rules import thresholds as limit
from edgekit.regression.rules.rule import Rule, RuleContext
from edgekit.regression.rules.thresholds import Threshold

if TYPE_CHECKING:
    from edgekit.regression.verdicts import RuleResult


def all_thresholds() -> tuple[Threshold[Any], ...]:
    """The thresholds of all rules, without duplicates."""
    return tuple(dict.fromkeys(threshold for rule in RULES for threshold in rule.thresholds))


def judge_all(context: RuleContext) -> tuple[RuleResult, ...]:
    """The results of all rules."""
    return tuple(result for rule in RULES for result in rule.judge(context))


def _accuracy(context: RuleContext) -> tuple[RuleResult, ...]:
    from edgekit.regression.rules.prediction_rules import accuracy_results

    return accuracy_results(context.baseline_predictions, context.measurement.predictions, context.limits, context.seed)


def _error(context: RuleContext) -> tuple[RuleResult, ...]:
    from edgekit.regression.rules.prediction_rules import error_results

    return error_results(context.baseline_predictions, context.measurement.predictions, context.limits, context.seed)


def _outputs(context: RuleContext) -> tuple[RuleResult, ...]:
    from edgekit.regression.rules.prediction_rules import output_results

    return output_results(context.baseline_predictions, context.measurement.predictions, context.limits)


def _agreement(context: RuleContext) -> tuple[RuleResult, ...]:
    from edgekit.regression.rules.prediction_rules import agreement_results

    return agreement_results(context.baseline_predictions, context.measurement.predictions, context.limits)


def _integrity(context: RuleContext) -> tuple[RuleResult, ...]:
    from edgekit.regression.rules.file_rules import judge_integrity

    return (judge_integrity(context.baseline, context.candidate),)


def _labels(context: RuleContext) -> tuple[RuleResult, ...]:
    from edgekit.regression.rules.file_rules import judge_labels

    return (judge_labels(context.baseline, context.candidate, context.measurement.stream.labels),)


def _size(context: RuleContext) -> tuple[RuleResult, ...]:
    from edgekit.regression.rules.file_rules import judge_size

    return (judge_size(context.baseline, context.candidate, context.limits),)


def _operators(context: RuleContext) -> tuple[RuleResult, ...]:
    from edgekit.regression.rules.file_rules import judge_operators

    return (judge_operators(context.baseline, context.candidate, context.limits),)


def _golden(context: RuleContext) -> tuple[RuleResult, ...]:
    import edgekit_runtime
    from edgekit.regression.rules.origin_rules import judge_golden

    return judge_golden(edgekit_runtime.load(context.path))


def _target(context: RuleContext) -> tuple[RuleResult, ...]:
    from edgekit.regression.rules.origin_rules import judge_targets

    return judge_targets(context.path, context.targets)


def _latency(context: RuleContext) -> tuple[RuleResult, ...]:
    from edgekit.regression.rules.latency_rule import judge_latency

    return (judge_latency(context.baseline.latency, context.candidate.latency, context.limits),)


def _determinism(context: RuleContext) -> tuple[RuleResult, ...]:
    from edgekit.regression.rules.origin_rules import judge_determinism

    return (judge_determinism(context.baseline, context.candidate, context.convert_again),)


RULES: tuple[Rule, ...] = (
    Rule("accuracy", (limit.MAX_DROP, limit.SIGNIFICANCE, limit.STRICT), _accuracy),
    Rule("error", (limit.MAX_ERROR_GROWTH, limit.SIGNIFICANCE, limit.STRICT), _error),
    Rule("outputs", (limit.MAX_OUTPUT_CHANGE,), _outputs),
    Rule("agreement", (limit.MIN_AGREEMENT, limit.MAX_OUTPUT_CHANGE), _agreement),
    Rule("integrity", (), _integrity),
    Rule("labels", (), _labels),
    Rule("size", (limit.MAX_SIZE_GROWTH,), _size),
    Rule("operators", (limit.NEW_OPERATORS,), _operators),
    Rule("golden", (), _golden),
    Rule("target", (), _target),
    Rule("latency", (limit.MAX_SLOWDOWN,), _latency),
    Rule("determinism", (), _determinism),
)
