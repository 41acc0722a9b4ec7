"""What came of a budget: every model tried, the one taken, and the numbers behind it."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from edgekit.budget.request import Preference
from edgekit.budget.verdict import Verdict
from edgekit.counting import counted, points, points_between
from edgekit.parity.paired_statistics import Interval
from edgekit_converters.quantization.budget_search import MixedRecipe
from edgekit_runtime.errors import BelowThresholdError


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model that was judged on the held-back examples.

    Attributes:
        mode: The quantization mode.
        recipe: Which operators stay in float and what the activations' codes stand for; None where activations are no
            integers.
        float_operators: How many operators of the finished model compute in float.
        operators: How many it has, conversions between types not counted.
        size_bytes: Size of the FlatBuffer, before labels and manifest are packed behind it.
        p50_ms: Median latency here, of one example.
        drop: How much worse than the float model it is on the held-back examples; infinite where its answers are no
            numbers.
        interval: The 95 % interval of that; None if it has none.
        verdict: What is known of it and the budget.
        is_within: Whether it may be selected: kept, or unproven if the budget is not strict.
        examples_to_prove: How many held-back examples would show that the budget is kept; None if none would.
    """

    mode: str
    recipe: MixedRecipe | None
    float_operators: int
    operators: int
    size_bytes: int
    p50_ms: float
    drop: float
    interval: Interval | None
    verdict: Verdict
    is_within: bool
    examples_to_prove: int | None

    @property
    def label(self) -> str:
        """The mode and what is special about it, in a few words."""
        if self.recipe is None:
            return self.mode
        left = len(self.recipe.float_operators)
        rule = "" if self.recipe.range_rule.value == "minmax" else f", {self.recipe.range_rule.value} ranges"
        return f"{self.mode}{rule}" + (f", {left} of {self.operators} in float" if left else "")

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain values, and the label."""
        return asdict(self) | {
            "label": self.label,
            "recipe": self.recipe.to_dict() if self.recipe else None,
            "drop": _finite(self.drop),
            "verdict": self.verdict.value,
        }


@dataclass(frozen=True, slots=True)
class Step:
    """A model on the way from plain int8 to the one found.

    Attributes:
        added: Name of the output tensor of the operator that is in float from here on; empty for plain int8, and where
            only the ranges differ.
        kind: That operator's kind.
        noise: What it cost alone: mean squared error over the outputs' variance; None where no operator is named.
        float_operators: How many are in float by then.
        range_rule: What the activations' codes stand for.
        drop: On the examples of the search.
        size_bytes: Size of the FlatBuffer.
        p50_ms: Median latency here.
    """

    added: str
    kind: str
    noise: float | None
    float_operators: int
    range_rule: str
    drop: float
    size_bytes: int
    p50_ms: float

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain values."""
        return asdict(self) | {"noise": _finite(self.noise), "drop": _finite(self.drop)}


@dataclass(frozen=True, slots=True)
class BudgetReport:
    """The outcome.

    Attributes:
        metric: Name of the metric.
        against: What answers were scored against.
        max_drop: The budget.
        prefer: What ``auto`` prefers; None for a single mode.
        calibration_examples: How many examples calibration took; 0 for none.
        search_examples: How many the search judged by, none of which was calibrated on.
        held_back_examples: How many the candidates were judged by.
        is_share: Whether drops are shares of 1.
        is_strict: Whether only what the examples show counts as kept.
        smallest_step: What one held-back example changes; None if the metric does not count examples.
        is_confirmed: Whether the held-back examples had no part in the search.
        is_cross_fitted: Whether data was scarce: models of the same recipes, calibrated on one half of it, were judged
            on the other half, in turn, and the delivered one was calibrated on all of it.
        evaluations: Models that the search judged.
        candidates: Every model judged, in the order of the modes.
        steps: From plain int8 to the int8 candidate; empty where plain int8 was good enough or not asked for.
        chosen: Place of the model taken among the candidates.
        met: Whether it is within the budget.
    """

    metric: str
    against: str
    max_drop: float
    prefer: Preference | None
    calibration_examples: int
    search_examples: int
    held_back_examples: int
    is_share: bool
    is_strict: bool
    smallest_step: float | None
    is_confirmed: bool
    is_cross_fitted: bool
    evaluations: int
    candidates: tuple[Candidate, ...]
    steps: tuple[Step, ...]
    chosen: int
    met: bool

    @property
    def winner(self) -> Candidate:
        """The model taken; where the budget is missed, the best found."""
        return self.candidates[self.chosen]

    @property
    def example(self) -> str:
        """What one of the examples judged by is called."""
        return "cross-fitted example" if self.is_cross_fitted else "held-back example"

    @property
    def warnings(self) -> tuple[str, ...]:
        """A sentence if the examples are too few to show that the budget was kept."""
        winner = self.winner
        if self.met and winner.verdict is Verdict.UNPROVEN:
            examples = counted(self.held_back_examples, self.example)
            return (
                f"Whether the budget is kept is unproven: on {examples} the {self.change} is {self.figure(winner.drop)}"
                f"{self._range(winner.interval)}.{self._advice(winner)}",
            )
        return ()

    def figure(self, drop: float) -> str:
        """A drop as a table shows it: of shares the change in points, of others as it is."""
        return points(-drop) if self.is_share else f"{drop:.4g}"

    def span(self, interval: Interval) -> str:
        """The interval of a drop, as a table shows it."""
        if self.is_share:
            return points_between(-interval.high, -interval.low)
        return f"{interval.low:.4g} to {interval.high:.4g}"

    @property
    def change(self) -> str:
        """What the figures of ``figure`` are."""
        return "change" if self.is_share else "drop"

    def _range(self, interval: Interval | None) -> str:
        if interval is None:
            return ""
        return f", and can be anything from {self.span(interval)}"

    def _advice(self, candidate: Candidate) -> str:
        needed = candidate.examples_to_prove
        if candidate.interval is None:
            return " Pass data of which more examples are held back."
        if needed is None:
            return " No number of examples would prove a drop as large as the budget; allow a larger --max-drop."
        return f" About {counted(needed, self.example)} would prove it if the drop stays what it is."

    def require_met(self) -> None:
        """Raise where the budget is missed.

        Raises:
            BelowThresholdError: With the best found.
        """
        if self.met:
            return
        best = self.winner
        found = f"{best.label}: {best.drop:.4g} on {counted(self.held_back_examples, self.example)}"
        if best.verdict is Verdict.UNPROVEN:
            raise BelowThresholdError(
                "No model was shown to keep the budget, as --strict asks; the best found has a name of its own.",
                expected=f"{self.metric} within {self.max_drop:g} of the float model's, with its whole interval",
                received=found + self._range(best.interval),
                next_step=self._advice(best).strip(),
            )
        if self.steps and best.recipe is not None:
            found += f", {self.steps[-1].drop:.4g} on the search's {self.search_examples}"
        raise BelowThresholdError(
            "No model keeps the budget; the best found is written under a name of its own.",
            expected=f"{self.metric} within {self.max_drop:g} of the float model's",
            received=found,
            next_step="try --quantize auto or int16x8, calibrate on more and closer data, or allow a larger --max-drop",
        )

    def facts(self) -> dict[str, Any]:
        """What the manifest keeps: nothing that a clock said, so that equal conversions stay equal."""
        facts = {
            "metric": self.metric,
            "against": self.against,
            "max_drop": self.max_drop,
            "drop": _finite(self.winner.drop),
            "verdict": self.winner.verdict.value,
            "examples": self.held_back_examples,
            "met": self.met,
        }
        if self.is_cross_fitted:
            facts["is_cross_fitted"] = True
        return facts | (self.winner.recipe.to_dict() if self.winner.recipe else {})

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain values."""
        return asdict(self) | {
            "prefer": self.prefer.value if self.prefer else None,
            "candidates": [candidate.to_dict() for candidate in self.candidates],
            "steps": [step.to_dict() for step in self.steps],
            "winner": self.winner.label,
        }


def _finite(value: float | None) -> float | None:
    """JSON has no infinity, which stands for answers that are no numbers."""
    return value if value is not None and math.isfinite(value) else None
