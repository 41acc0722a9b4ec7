"""Finds how few operators of an int8 model have to stay in float for it to keep within an accuracy budget.

The search comes down from the float side. With everything in float nothing is lost; then as many operators as the
budget bears become integers, the least noisy first, found by bisection; then those that are left are put back to
integers in runs, halved until they are single operators, wherever the budget still holds. What remains is needed: any
operator less, and the budget is missed. Operators that only help together, the writer and the readers of one difficult
tensor, are never apart on this way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence, Sized
from dataclasses import asdict, dataclass
from typing import Any

from edgekit_converters.quantization.operator_noise import OperatorNoise
from edgekit_converters.quantization.ranges import RangeRule


@dataclass(frozen=True, slots=True)
class MixedRecipe:
    """An int8 model with some operators in float.

    Attributes:
        float_operators: Names of the output tensors of the operators in float, the noisiest first.
        range_rule: What the activations' codes stand for.
    """

    float_operators: tuple[str, ...] = ()
    range_rule: RangeRule = RangeRule.MINMAX

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain values."""
        return {"float_operators": list(self.float_operators), "range_rule": self.range_rule.value}


@dataclass(frozen=True, slots=True)
class Trial:
    """A recipe and what came of it.

    Attributes:
        recipe: The recipe.
        drop: What ``evaluate`` said of it: how much worse than the float model, at most ``max_drop`` is wanted.
        size_bytes: Size of the model.
    """

    recipe: MixedRecipe
    drop: float
    size_bytes: int

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain values."""
        return asdict(self) | {"recipe": self.recipe.to_dict()}


@dataclass(frozen=True, slots=True)
class BudgetSearch:
    """What the search found.

    Attributes:
        chosen: The recipe taken: within the budget where ``met``, else the best of those tried.
        met: Whether ``chosen`` is within the budget; a model without any integer operator does not count.
        max_drop: The budget.
        steps: From plain int8 to ``chosen``, one more operator in float at each step, the noisiest first.
        noise: Every operator, the noisiest last; empty where plain int8 was good enough and nothing was measured.
        evaluations: How many models were judged.
    """

    chosen: Trial
    met: bool
    max_drop: float
    steps: tuple[Trial, ...]
    noise: tuple[OperatorNoise, ...]
    evaluations: int

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain values."""
        return {
            "chosen": self.chosen.to_dict(),
            "met": self.met,
            "max_drop": self.max_drop,
            "steps": [step.to_dict() for step in self.steps],
            "noise": [operator.to_dict() for operator in self.noise],
            "evaluations": self.evaluations,
        }


def search_budget(
    build: Callable[[MixedRecipe], Sized],
    evaluate: Callable[[MixedRecipe], float],
    rank: Callable[[], Sequence[OperatorNoise]],
    *,
    max_drop: float,
) -> BudgetSearch:
    """Find the int8 model with the fewest operators in float whose drop is at most ``max_drop``.

    Args:
        build: Makes a model, whose length is its size in bytes; equal recipes give equal models.
        evaluate: Judges a recipe: how much worse than the float model its model is, smaller is better.
        rank: Measures the operators, the least noisy first; called only where plain int8 misses the budget.
        max_drop: The budget.
    """
    judge = _Judge(build, evaluate, max_drop)
    plain = judge.trial(MixedRecipe())
    for rule in RangeRule:
        trial = judge.trial(MixedRecipe(range_rule=rule))
        if trial.drop <= max_drop:
            return BudgetSearch(trial, True, max_drop, _distinct(plain, trial), (), judge.evaluations)
    noise = tuple(rank())
    names = [operator.operator for operator in noise]
    if judge.holds(names, RangeRule.MINMAX):
        kept, rule = _fewest(judge, names)
        if judge.has_integers(_in_float(kept, rule), names):
            steps = [judge.trial(_in_float(kept[len(kept) - count :], rule)) for count in range(len(kept) + 1)]
            return BudgetSearch(steps[-1], True, max_drop, _distinct(plain, *steps), noise, judge.evaluations)
    best = judge.best(names)
    return BudgetSearch(best, False, max_drop, _distinct(plain, best), noise, judge.evaluations)


def _distinct(*trials: Trial) -> tuple[Trial, ...]:
    return tuple(dict.fromkeys(trials))


class _Judge:
    """Builds and judges recipes, each once."""

    def __init__(
        self, build: Callable[[MixedRecipe], Sized], evaluate: Callable[[MixedRecipe], float], max_drop: float
    ) -> None:
        self._build = build
        self._evaluate = evaluate
        self._max_drop = max_drop
        self._trials: dict[MixedRecipe, Trial] = {}

    @property
    def evaluations(self) -> int:
        return len(self._trials)

    def trial(self, recipe: MixedRecipe) -> Trial:
        if recipe not in self._trials:
            self._trials[recipe] = Trial(recipe, self._evaluate(recipe), len(self._build(recipe)))
        return self._trials[recipe]

    def has_integers(self, recipe: MixedRecipe, names: Sequence[str]) -> bool:
        """Whether a recipe's model differs from that of floats alone; some operators have no integer form."""
        return self._build(recipe) != self._build(_in_float(names, recipe.range_rule))

    def best(self, names: Sequence[str]) -> Trial:
        """The trial with the smallest drop that has integers in it; where floats alone miss the budget, any."""
        ordered = sorted(self._trials.values(), key=lambda trial: trial.drop)
        if self.trial(_in_float(names, RangeRule.MINMAX)).drop > self._max_drop:
            return ordered[0]
        return next((trial for trial in ordered if self.has_integers(trial.recipe, names)), ordered[0])

    def holds(self, names: Sequence[str], rule: RangeRule) -> bool:
        return self.trial(_in_float(names, rule)).drop <= self._max_drop


def _in_float(names: Sequence[str], rule: RangeRule) -> MixedRecipe:
    """``names`` come with the least noisy first, and a recipe has the noisiest first."""
    return MixedRecipe(tuple(reversed(names)), rule)


def _fewest(judge: _Judge, names: list[str]) -> tuple[list[str], RangeRule]:
    """The operators that have to stay in float, in the order of ``names``, and under which rule."""
    rule = RangeRule.MINMAX
    kept = names[_bisected(judge, names, rule) :]
    kept = _pruned(judge, kept, rule, longest_run=len(kept) // 2)
    for other in RangeRule:
        # Few can go that had to stay before: one at a time.
        fewer = _pruned(judge, kept, other, longest_run=1) if judge.holds(kept, other) else kept
        if len(fewer) < len(kept):
            kept, rule = fewer, other
    return kept, rule


def _bisected(judge: _Judge, names: list[str], rule: RangeRule) -> int:
    """How many of ``names``, from the first on, can be integers."""
    held, missed = 0, len(names)
    while missed - held > 1:
        middle = (held + missed) // 2
        if judge.holds(names[middle:], rule):
            held = middle
        else:
            missed = middle
    return held


def _pruned(judge: _Judge, names: list[str], rule: RangeRule, *, longest_run: int) -> list[str]:
    """``names`` without those that the budget can do without, tried in runs of halved lengths, down to one."""
    kept, run = list(names), max(1, longest_run)
    while run >= 1:
        start, before = 0, len(kept)
        while start < len(kept):
            fewer = kept[:start] + kept[start + run :]
            if judge.holds(fewer, rule):
                kept = fewer
            else:
                start += run
        # Once more with single operators, until none can go: one that could not may have waited for another.
        if run > 1 or len(kept) == before:
            run //= 2
    return kept
