"""Finds the fewest operators of an int8 model that have to stay in float to meet an accuracy budget.

The search starts from the float side. With everything in float, nothing is lost. Bisection then finds how many
operators, the least noisy first, can become integers within the budget. Next, the search tries to turn the remaining
float operators into integers in runs, which it halves down to single operators; a run becomes integers if the budget
is still met. Each operator that remains in float is needed: with one fewer, the budget is missed. Operators that help
only together, such as the writer and the readers of one difficult tensor, are never separated by this search.
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
        range_rule: Which part of the measured range the activation codes represent.
        is_repaired: Whether the float model is the repaired one.
    """

    float_operators: tuple[str, ...] = ()
    range_rule: RangeRule = RangeRule.MINMAX
    is_repaired: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain values."""
        return {
            "float_operators": list(self.float_operators),
            "range_rule": self.range_rule.value,
            "is_repaired": self.is_repaired,
        }


@dataclass(frozen=True, slots=True)
class Trial:
    """A recipe and its result.

    Attributes:
        recipe: The recipe.
        drop: Result of ``evaluate``: how much worse the model is than the float model. The budget is ``max_drop``.
        size_bytes: Size of the model in bytes.
    """

    recipe: MixedRecipe
    drop: float
    size_bytes: int

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain values."""
        return asdict(self) | {"recipe": self.recipe.to_dict()}


@dataclass(frozen=True, slots=True)
class BudgetSearch:
    """Result of the search.

    Attributes:
        chosen: The selected recipe: within the budget if ``met``, otherwise the best one tried.
        met: Whether ``chosen`` is within the budget; a model without any integer operator does not count.
        max_drop: The budget.
        steps: From plain int8 to ``chosen``, with one more operator in float at each step, the noisiest first.
        noise: Every operator, the noisiest last; empty if plain int8 met the budget and nothing was measured.
        evaluations: Number of models that were evaluated.
    """

    chosen: Trial
    met: bool
    max_drop: float
    steps: tuple[Trial, ...]
    noise: tuple[OperatorNoise, ...]
    evaluations: int

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain values."""
        return {
            "chosen": self.chosen.to_dict(),
            "met": self.met,
            "max_drop": self.max_drop,
            "steps": [step.to_dict() for step in self.steps],
            "noise": [operator.to_dict() for operator in self.noise],
            "evaluations": self.evaluations,
        }


#: Measures the operators of a model, the least noisy first.
Rank = Callable[[], Sequence[OperatorNoise]]


def search_budget(
    build: Callable[[MixedRecipe], Sized],
    evaluate: Callable[[MixedRecipe], float],
    rank: Rank,
    *,
    max_drop: float,
    repaired: Callable[[], Rank | None] = lambda: None,
) -> BudgetSearch:
    """Find the int8 model with the fewest operators in float whose drop is at most ``max_drop``.

    The order of candidates is fixed: plain int8, int8 of the repaired model, and the nearer of both with operators in
    float.

    Args:
        build: Builds the model, whose length is its size in bytes; equal recipes give equal models.
        evaluate: Evaluates a recipe: how much worse its model is than the float model; smaller is better.
        rank: Measures the operators, the least noisy first; called only if plain int8 misses the budget.
        max_drop: The budget.
        repaired: Repairs the model and returns what ``rank`` is for the repaired one; None if repair is not possible.
            Called only if plain int8 misses the budget.
    """
    judge = _Judge(build, evaluate, max_drop)
    plain = judge.trial(MixedRecipe())
    within = judge.first_within_budget()
    if within is None and (rank_repaired := repaired()) is not None:
        judge.is_repaired = True
        within = judge.first_within_budget()
        if judge.trial(judge.in_float((), RangeRule.MINMAX)).drop < plain.drop:
            rank = rank_repaired
        elif within is None:
            judge.is_repaired = False
    if within is not None:
        return BudgetSearch(within, True, max_drop, _distinct(plain, within), (), judge.evaluations)
    noise = tuple(rank())
    names = [operator.operator for operator in noise]
    if judge.meets_budget(names, RangeRule.MINMAX):
        kept, rule = _fewest(judge, names)
        if judge.has_integers(judge.in_float(kept, rule), names):
            steps = [judge.trial(judge.in_float(kept[len(kept) - count :], rule)) for count in range(len(kept) + 1)]
            return BudgetSearch(steps[-1], True, max_drop, _distinct(plain, *steps), noise, judge.evaluations)
    best = judge.best(names)
    return BudgetSearch(best, False, max_drop, _distinct(plain, best), noise, judge.evaluations)


def _distinct(*trials: Trial) -> tuple[Trial, ...]:
    return tuple(dict.fromkeys(trials))


class _Judge:
    """Builds and evaluates each recipe once."""

    def __init__(
        self, build: Callable[[MixedRecipe], Sized], evaluate: Callable[[MixedRecipe], float], max_drop: float
    ) -> None:
        self._build = build
        self._evaluate = evaluate
        self._max_drop = max_drop
        self._trials: dict[MixedRecipe, Trial] = {}
        self.is_repaired = False

    def in_float(self, names: Sequence[str], rule: RangeRule) -> MixedRecipe:
        """Make a recipe, which lists the noisiest first, from ``names``, which list the least noisy first."""
        return MixedRecipe(tuple(reversed(names)), rule, self.is_repaired)

    def first_within_budget(self) -> Trial | None:
        """The first trial without operators in float that meets the budget."""
        trials = (self.trial(self.in_float((), rule)) for rule in RangeRule)
        return next((trial for trial in trials if trial.drop <= self._max_drop), None)

    @property
    def evaluations(self) -> int:
        return len(self._trials)

    def trial(self, recipe: MixedRecipe) -> Trial:
        if recipe not in self._trials:
            self._trials[recipe] = Trial(recipe, self._evaluate(recipe), len(self._build(recipe)))
        return self._trials[recipe]

    def has_integers(self, recipe: MixedRecipe, names: Sequence[str]) -> bool:
        """Whether a recipe's model differs from the all-float model; some operators have no integer form."""
        return self._build(recipe) != self._build(self.in_float(names, recipe.range_rule))

    def best(self, names: Sequence[str]) -> Trial:
        """The trial with the smallest drop that uses integers; if even the all-float model misses the budget, any."""
        ordered = sorted(self._trials.values(), key=lambda trial: trial.drop)
        if self.trial(self.in_float(names, RangeRule.MINMAX)).drop > self._max_drop:
            return ordered[0]
        same = [trial for trial in ordered if trial.recipe.is_repaired == self.is_repaired]
        return next((trial for trial in same if self.has_integers(trial.recipe, names)), ordered[0])

    def meets_budget(self, names: Sequence[str], rule: RangeRule) -> bool:
        return self.trial(self.in_float(names, rule)).drop <= self._max_drop


def _fewest(judge: _Judge, names: list[str]) -> tuple[list[str], RangeRule]:
    """The operators that have to stay in float, in the order of ``names``, and the rule under which they do."""
    rule = RangeRule.MINMAX
    kept = names[_bisected(judge, names, rule) :]
    kept = _pruned(judge, kept, rule, longest_run=len(kept) // 2)
    for other in RangeRule:
        # Few of those that had to stay before can become integers now, so try them one at a time.
        fewer = _pruned(judge, kept, other, longest_run=1) if judge.meets_budget(kept, other) else kept
        if len(fewer) < len(kept):
            kept, rule = fewer, other
    return kept, rule


def _bisected(judge: _Judge, names: list[str], rule: RangeRule) -> int:
    """How many of ``names``, counted from the first, can be integers."""
    held, missed = 0, len(names)
    while missed - held > 1:
        middle = (held + missed) // 2
        if judge.meets_budget(names[middle:], rule):
            held = middle
        else:
            missed = middle
    return held


def _pruned(judge: _Judge, names: list[str], rule: RangeRule, *, longest_run: int) -> list[str]:
    """Drop those of ``names`` that the budget does not need in float, tried in runs that are halved down to one."""
    kept, run = list(names), max(1, longest_run)
    while run >= 1:
        start, before = 0, len(kept)
        while start < len(kept):
            fewer = kept[:start] + kept[start + run :]
            if judge.meets_budget(fewer, rule):
                kept = fewer
            else:
                start += run
        # Repeat with single operators until none can be dropped: one may become droppable after another was dropped.
        if run > 1 or len(kept) == before:
            run //= 2
    return kept
