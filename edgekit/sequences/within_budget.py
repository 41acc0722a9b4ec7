"""Selects a candidate within a budget, judged by what it generates for held-back pairs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol, TypeVar

from edgekit.counting import points
from edgekit.sequences.quantizing import PairRecipe
from edgekit.sequences.scores import SequenceScores
from edgekit_runtime.errors import ConversionError


@dataclass(frozen=True, slots=True)
class TriedPair:
    """One candidate.

    Attributes:
        recipe: How it was quantized, in a few words.
        drop: The larger of the drops of exact match and token accuracy against the float model, as a fraction; None if
            it could not be converted.
    """

    recipe: str
    drop: float | None


@dataclass(frozen=True, slots=True)
class PairBudget:
    """Report of a search within a budget.

    Attributes:
        max_drop: The budget, as a fraction.
        is_met: Whether the drop of the selected candidate is within the budget.
        selected: The selected candidate.
        tried: All candidates that were judged, in order.
    """

    max_drop: float
    is_met: bool
    selected: str
    tried: tuple[TriedPair, ...]

    def describe(self) -> str:
        """One sentence with the selected candidate and the drops of all."""
        drops = "; ".join(
            f"{each.recipe}: {'not convertible' if each.drop is None else points(-each.drop)}" for each in self.tried
        )
        result = f"{self.selected} is within" if self.is_met else "No quantized candidate is within"
        return f"{result} the budget of {points(-self.max_drop)} ({drops})."

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain values."""
        return asdict(self)


class _Judged(Protocol):
    @property
    def recipe(self) -> PairRecipe: ...
    @property
    def scores(self) -> SequenceScores | None: ...


C = TypeVar("C", bound=_Judged)


def select_within_budget(
    recipes: Sequence[PairRecipe], make: Callable[[PairRecipe], C], max_drop: float
) -> tuple[C, PairBudget]:
    """Make and judge candidates in order until one is within the budget; otherwise select the one with the lowest drop.

    Raises:
        ConversionError: No candidate can be converted.
    """
    tried: list[TriedPair] = []
    best: tuple[float, C] | None = None
    failure: ConversionError | None = None
    for recipe in recipes:
        try:
            made = make(recipe)
        except ConversionError as error:
            failure = error
            tried.append(TriedPair(recipe.describe(), None))
            continue
        assert made.scores is not None, "a budget needs data"
        drop = made.scores.worst_drop
        tried.append(TriedPair(recipe.describe(), drop))
        if best is None or drop < best[0]:
            best = drop, made
        if drop <= max_drop:
            break
    if best is None:
        assert failure is not None
        raise failure
    drop, selected = best
    return selected, PairBudget(max_drop, drop <= max_drop, selected.recipe.describe(), tuple(tried))
