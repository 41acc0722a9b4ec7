"""What a rule of the gate is, and what it judges."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgekit.regression.rules.thresholds import Limits, Threshold

if TYPE_CHECKING:
    from edgekit.regression.answers import Answers
    from edgekit.regression.baseline.stored import ModelRecord
    from edgekit.regression.measurement import Measurement
    from edgekit.regression.verdicts import RuleResult


@dataclass(frozen=True, slots=True)
class RuleContext:
    """A candidate beside its baseline.

    Attributes:
        path: The candidate's file.
        measurement: The candidate as it was measured.
        baseline: The baseline's record.
        baseline_answers: The baseline's answers to the same samples.
        limits: The model's limits.
        targets: Runtimes that must be able to run it.
        seed: Seed of everything drawn at random.
        convert_again: Converts the source once more and returns the digest of the result.
    """

    path: Path
    measurement: Measurement
    baseline: ModelRecord
    baseline_answers: Answers
    limits: Limits
    targets: Sequence[str]
    seed: int
    convert_again: Callable[[], str]

    @property
    def candidate(self) -> ModelRecord:
        """The candidate's record."""
        return self.measurement.record


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of the gate.

    Attributes:
        name: Its name in reports; a rule with several results adds to it what each is about.
        thresholds: The thresholds that it reads; rules can share one.
        judge: Its results; none if it does not apply to the candidate.
    """

    name: str
    thresholds: tuple[Threshold[Any], ...]
    judge: Callable[[RuleContext], tuple[RuleResult, ...]]
