"""Searches for an int8 model within the budget and confirms it on examples that the search did not use."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import cache, partial

from edgekit.budget.examples import ExampleSplit
from edgekit.budget.float_model import FloatModel
from edgekit.progress import progress_bar
from edgekit_converters.quantization.budget_search import BudgetSearch, MixedRecipe, Rank, search_budget
from edgekit_converters.quantization.modes import Mode
from edgekit_converters.quantization.operator_noise import OperatorNoise, float_operator_kinds, measure_operator_noise
from edgekit_converters.quantization.ranges import RangeRule
from edgekit_runtime.tflite.tflite_model import TfliteModel


@dataclass(frozen=True, slots=True)
class ConfirmedSearch:
    """A search and whether its result is confirmed.

    Attributes:
        search: Result of the search.
        is_confirmed: Whether the search did not use the held-back examples. If a first result meets the budget on the
            search's examples but misses it on the held-back ones, a second search uses both.
    """

    search: BudgetSearch
    is_confirmed: bool


def search_int8(float_model: FloatModel, split: ExampleSplit, max_drop: float) -> ConfirmedSearch:
    """Find the int8 model with the fewest float operators that meets the budget on all examples of ``split``."""

    def build(recipe: MixedRecipe) -> TfliteModel:
        return float_model.quantized(Mode.INT8, recipe)

    def rank_repaired() -> Rank | None:
        repaired = float_model.repaired()
        return None if repaired is None else partial(_measured_noise, repaired)

    rank = partial(_measured_noise, float_model)

    @cache
    def drop_on_search(*models: TfliteModel) -> float:
        return split.search.drop(*models)

    def on_search(recipe: MixedRecipe) -> float:
        return drop_on_search(*float_model.judged(Mode.INT8, recipe))

    def on_held_back(recipe: MixedRecipe) -> float:
        return split.held_back.drop(*float_model.judged(Mode.INT8, recipe))

    def on_both(recipe: MixedRecipe) -> float:
        drop = on_search(recipe)
        # A model that already misses the budget is not selected, whatever it does on the held-back examples.
        return drop if drop > max_drop else max(drop, on_held_back(recipe))

    search = _run("Judging int8 models", build, on_search, (rank, rank_repaired), max_drop)
    if search.met and on_held_back(search.chosen.recipe) > max_drop:
        # The models of the first search and their drops are remembered.
        what = "The held-back examples miss the budget: judging int8 models on both"
        return ConfirmedSearch(_run(what, build, on_both, (rank, rank_repaired), max_drop), is_confirmed=False)
    # If the first model meets the budget, no selection has taken place.
    is_confirmed = split.search is not split.held_back or search.evaluations == 1
    return ConfirmedSearch(search, is_confirmed)


@cache
def _measured_noise(float_model: FloatModel) -> tuple[OperatorNoise, ...]:
    def int8_but_for(names: Collection[str]) -> TfliteModel:
        return float_model.quantized(Mode.INT8, MixedRecipe(tuple(names)))

    count = len(float_operator_kinds(float_model.model.description))
    with progress_bar("Measuring the operators' noise", total=count) as advance:
        return measure_operator_noise(float_model.model, float_model.calibrated, int8_but_for, progress=advance)


def _run(
    description: str,
    build: Callable[[MixedRecipe], TfliteModel],
    evaluate: Callable[[MixedRecipe], float],
    ranks: tuple[Rank, Callable[[], Rank | None]],
    max_drop: float,
) -> BudgetSearch:
    rank, rank_repaired = ranks
    with progress_bar(description, total=None) as advance:

        def counted_rank(rank: Rank) -> Sequence[OperatorNoise]:
            noise = rank()
            advance.expect(_likely_evaluations(len(noise)))
            return noise

        def find_counted_rank() -> Rank | None:
            found = rank_repaired()
            return None if found is None else partial(counted_rank, found)

        def evaluate_and_advance(recipe: MixedRecipe) -> float:
            advance(1)
            return evaluate(recipe)

        advance.expect(len(RangeRule))
        return search_budget(
            build, evaluate_and_advance, partial(counted_rank, rank), max_drop=max_drop, repaired=find_counted_rank
        )


def _likely_evaluations(operators: int) -> int:
    """An estimate of how many models a search among so many operators judges: a bisection, then runs and singles."""
    return 2 * operators.bit_length() + operators // 2
