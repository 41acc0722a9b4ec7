"""The record of a gate rule, and the context that it judges."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgekit.regression.rules.thresholds import Limits, Threshold

if TYPE_CHECKING:
    from edgekit.regression.baseline.stored import ModelRecord
    from edgekit.regression.measurement import Measurement
    from edgekit.regression.predictions import Predictions
    from edgekit.regression.verdicts import RuleResult


@dataclass(frozen=True, slots=True)
class RuleContext:
    """A candidate and its baseline.

    Attributes:
        path: File of the candidate.
        measurement: Measurement of the candidate.
        baseline: Record of the baseline.
        baseline_predictions: Predictions of the baseline for the same examples.
        limits: Limits of the model.
        targets: Runtimes that must be able to run the model.
        seed: Seed of everything random.
        convert_again: Converts the source once more and returns the SHA-256 of the result.
    """

    path: Path
    measurement: Measurement
    baseline: ModelRecord
    baseline_predictions: Predictions
    limits: Limits
    targets: Sequence[str]
    seed: int
    convert_again: Callable[[], str]

    @property
    def candidate(self) -> ModelRecord:
        """Record of the candidate."""
        return self.measurement.record


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of the gate.

    Attributes:
        name: Rule name in reports; a rule with several results adds the subject of each.
        thresholds: Thresholds that the rule reads; several rules can share one.
        judge: Returns the results; none if the rule does not apply to the candidate.
    """

    name: str
    thresholds: tuple[Threshold[Any], ...]
    judge: Callable[[RuleContext], tuple[RuleResult, ...]]
