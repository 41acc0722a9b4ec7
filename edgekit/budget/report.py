"""Reports the result of a budget: every candidate, the selected model, and the measurements."""

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

#: ``timed_on`` of models that this process has timed.
THIS_MACHINE = "this machine"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model that was judged on the held-back examples.

    Attributes:
        mode: Quantization mode.
        recipe: Operators that stay in float and rule for the ranges of activations; None if activations are not
            integers.
        float_operators: Number of operators of the finished model that compute in float.
        operators: Number of operators, without conversions between types.
        size_bytes: Size of the FlatBuffer in bytes, without the labels and the manifest packed behind it.
        p50_ms: Median latency of one example.
        drop: Drop against the float model on the held-back examples; infinite if the predictions are NaN.
        interval: 95 % interval of the drop, or None.
        verdict: Whether the model is known to meet the budget.
        is_within: Whether the model may be selected: kept, or unproven if the budget is not strict.
        examples_to_prove: Number of held-back examples that would prove that the budget is met; None if none would.
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
        """The mode with a short description of the recipe."""
        if self.recipe is None:
            return self.mode
        left = len(self.recipe.float_operators)
        rule = "" if self.recipe.range_rule.value == "minmax" else f", {self.recipe.range_rule.value} ranges"
        repaired = " repaired" if self.recipe.is_repaired else ""
        return f"{self.mode}{repaired}{rule}" + (f", {left} of {self.operators} in float" if left else "")

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
    """A model on the path of the search from plain int8 to its result.

    Attributes:
        added: Output tensor of the operator that is in float from this step on; empty for plain int8, and if only the
            ranges differ.
        kind: Kind of that operator.
        noise: Noise of that operator alone, as mean squared error divided by the variance of the outputs; None if no
            operator is named.
        float_operators: Number of operators in float at this step.
        range_rule: Rule for the ranges of activations.
        is_repaired: Whether the model is made from the repaired float model.
        drop: Drop on the examples of the search.
        size_bytes: Size of the FlatBuffer in bytes.
        p50_ms: Median latency.
    """

    added: str
    kind: str
    noise: float | None
    float_operators: int
    range_rule: str
    is_repaired: bool
    drop: float
    size_bytes: int
    p50_ms: float

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain values."""
        return asdict(self) | {"noise": _finite(self.noise), "drop": _finite(self.drop)}


@dataclass(frozen=True, slots=True)
class BudgetReport:
    """Result of a conversion within a budget.

    Attributes:
        metric: Metric name.
        against: Reference for the predictions.
        max_drop: The budget.
        prefer: Preference of ``auto``; None for a single mode.
        calibration_examples: Number of examples for calibration; 0 for none.
        search_examples: Number of examples for the search, none of which was used for calibration.
        held_back_examples: Number of examples that the candidates were judged on.
        is_share: Whether drops are fractions of 1.
        is_strict: Whether a model counts as within the budget only if the examples prove it.
        smallest_step: Change in the metric caused by one held-back example; None if the metric does not count examples.
        is_confirmed: Whether the search did not use the held-back examples.
        is_cross_fitted: Whether data was scarce: models of the same recipes were calibrated on one half and judged on
            the other half, in turn, and the delivered model was calibrated on the whole data.
        evaluations: Number of models that the search judged.
        candidates: Every judged model, in the order of the modes.
        steps: Steps from plain int8 to the int8 candidate; empty if plain int8 was good enough or was not requested.
        chosen: Index of the selected model among the candidates.
        met: Whether the selected model is within the budget.
        timed_on: Machine whose clock gave the latencies.
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
    timed_on: str = THIS_MACHINE

    @property
    def winner(self) -> Candidate:
        """The selected model; the best one found if the budget is missed."""
        return self.candidates[self.chosen]

    @property
    def example(self) -> str:
        """The name for one of the judged examples, in messages."""
        return "cross-fitted example" if self.is_cross_fitted else "held-back example"

    @property
    def warnings(self) -> tuple[str, ...]:
        """A sentence if the examples are too few to prove that the budget is met."""
        winner = self.winner
        if self.met and winner.verdict is Verdict.UNPROVEN:
            examples = counted(self.held_back_examples, self.example)
            return (
                f"Whether the budget is kept is unproven: on {examples} the {self.change} is {self.figure(winner.drop)}"
                f"{self._range(winner.interval)}.{self._advice(winner)}",
            )
        return ()

    def figure(self, drop: float) -> str:
        """A drop as shown in a table: a change in points for fractions, otherwise the plain number."""
        return points(-drop) if self.is_share else f"{drop:.4g}"

    def span(self, interval: Interval) -> str:
        """The interval of a drop, as shown in a table."""
        if self.is_share:
            return points_between(-interval.high, -interval.low)
        return f"{interval.low:.4g} to {interval.high:.4g}"

    @property
    def change(self) -> str:
        """The name of the quantity that ``figure`` shows."""
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
        """Raise if the budget is missed.

        Raises:
            BelowThresholdError: The budget is missed; the message describes the best model found.
        """
        if self.met:
            return
        best = self.winner
        found = f"{best.label}: {best.drop:.4g} on {counted(self.held_back_examples, self.example)}"
        if best.verdict is Verdict.UNPROVEN:
            raise BelowThresholdError(
                "No model is proven to meet the budget, as --strict requires; the best one has a different file name.",
                expected=f"{self.metric} within {self.max_drop:g} of the float model's, with its whole interval",
                received=found + self._range(best.interval),
                next_step=self._advice(best).strip(),
            )
        if self.steps and best.recipe is not None:
            found += f", {self.steps[-1].drop:.4g} on the search's {self.search_examples}"
        raise BelowThresholdError(
            "No model meets the budget; the best one found was written under a different file name.",
            expected=f"{self.metric} within {self.max_drop:g} of the float model's",
            received=found,
            next_step="try --quantize auto or int16x8, calibrate on more and closer data, or allow a larger --max-drop",
        )

    def facts(self) -> dict[str, Any]:
        """The facts that the manifest stores, without measured times, so that equal conversions give equal files."""
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
    """Replace infinity, which stands for NaN predictions, by None, because JSON has no infinity."""
    return value if value is not None and math.isfinite(value) else None
