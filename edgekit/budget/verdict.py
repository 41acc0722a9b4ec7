"""Decides whether a budget is met, as far as the examples can prove it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from edgekit.parity.metrics import PairedScore
from edgekit.parity.paired_statistics import Interval


class Verdict(str, Enum):
    """Whether a model is known to meet a budget.

    Attributes:
        KEPT: The upper end of the 95 % interval of the drop is within the budget, or no example became worse and a
            single one would still be within it.
        UNPROVEN: The observed drop is within the budget, but a larger one cannot be excluded.
        MISSED: The observed drop is larger than the budget.
    """

    KEPT = "kept"
    UNPROVEN = "unproven"
    MISSED = "missed"


@dataclass(frozen=True, slots=True)
class Judgement:
    """Scores of a model and of the float model.

    Attributes:
        scores: Scores by output name.
        smallest_step: Change in the metric caused by one example; None if the metric does not count examples.
    """

    scores: Mapping[str, PairedScore]
    smallest_step: float | None = None

    @property
    def worst(self) -> PairedScore:
        """The score of the output with the largest drop; of equal drops, the one with the highest interval end."""
        return max(self.scores.values(), key=lambda score: (score.drop, _upper_end(score)))

    @property
    def drop(self) -> float:
        """The largest drop of any output."""
        return self.worst.drop

    @property
    def interval(self) -> Interval | None:
        """The 95 % interval of the largest drop."""
        return self.worst.interval

    def verdict(self, max_drop: float) -> Verdict:
        """The worst verdict of any output."""
        order = list(Verdict)
        return max((self._verdict(score, max_drop) for score in self.scores.values()), key=order.index)

    def examples_to_prove(self, count: int, max_drop: float) -> int | None:
        """The number of examples that would prove that the budget is met, if the drop and its variance stay the same.

        Args:
            count: Number of judged examples.
            max_drop: The budget.
        Returns:
            Number of examples, or None if the observed drop reaches the budget, so that no number would suffice.
        """
        needed = [self._needed(score, count, max_drop) for score in self.scores.values()]
        return None if None in needed else max(each for each in needed if each is not None)

    def _verdict(self, score: PairedScore, max_drop: float) -> Verdict:
        if not score.drop <= max_drop:
            return Verdict.MISSED
        # A single example has no interval and proves nothing.
        if score.interval is None:
            return Verdict.UNPROVEN
        is_shown = score.interval.high <= max_drop or (score.lost == 0 and self._sees(max_drop))
        return Verdict.KEPT if is_shown else Verdict.UNPROVEN

    def _sees(self, max_drop: float) -> bool:
        """Whether a single lost example would still be within the budget."""
        return self.smallest_step is None or max_drop == 0 or self.smallest_step <= max_drop

    def _needed(self, score: PairedScore, count: int, max_drop: float) -> int | None:
        if self._verdict(score, max_drop) is Verdict.KEPT:
            return count
        if score.interval is None or not score.drop < max_drop:
            return None
        if score.lost == 0:
            return math.ceil(1 / max_drop)
        # The half-width of the interval is inversely proportional to the square root of the number of examples.
        exact = count * ((score.interval.high - score.drop) / (max_drop - score.drop)) ** 2
        digits = max(0, int(math.log10(exact)) - 1)
        return math.ceil(exact / 10**digits) * 10**digits


def _upper_end(score: PairedScore) -> float:
    return math.inf if score.interval is None else score.interval.high
