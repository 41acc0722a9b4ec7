"""Whether a budget was kept, as far as the examples can show it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from edgekit.parity.metrics import PairedScore
from edgekit.parity.paired_statistics import Interval


class Verdict(str, Enum):
    """What is known of a model and a budget.

    Attributes:
        KEPT: The 95 % interval of the drop ends within the budget, or no example became worse and one that
            does would still be within it.
        UNPROVEN: The drop seen is within the budget, but a larger one is not ruled out.
        MISSED: The drop seen is larger than the budget.
    """

    KEPT = "kept"
    UNPROVEN = "unproven"
    MISSED = "missed"


@dataclass(frozen=True, slots=True)
class Judgement:
    """A model's scores beside the float model's.

    Attributes:
        scores: The scores by output name.
        smallest_step: What one example changes; None if the metric does not count examples.
    """

    scores: Mapping[str, PairedScore]
    smallest_step: float | None = None

    @property
    def worst(self) -> PairedScore:
        """The score of the output with the largest drop, and of equal ones with the widest interval."""
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
        """The verdict of the output that has the worst one."""
        order = list(Verdict)
        return max((self._verdict(score, max_drop) for score in self.scores.values()), key=order.index)

    def examples_to_prove(self, count: int, max_drop: float) -> int | None:
        """How many examples would show that the budget is kept, if the drop and its scatter stay as they are.

        Args:
            count: Examples judged on.
            max_drop: The budget.
        Returns:
            None if the drop seen uses up the budget, so that no number would do.
        """
        needed = [self._needed(score, count, max_drop) for score in self.scores.values()]
        return None if None in needed else max(each for each in needed if each is not None)

    def _verdict(self, score: PairedScore, max_drop: float) -> Verdict:
        if not score.drop <= max_drop:
            return Verdict.MISSED
        # A single example has no interval, and shows nothing.
        if score.interval is None:
            return Verdict.UNPROVEN
        is_shown = score.interval.high <= max_drop or (score.lost == 0 and self._sees(max_drop))
        return Verdict.KEPT if is_shown else Verdict.UNPROVEN

    def _sees(self, max_drop: float) -> bool:
        """Whether a single lost example would not already be more than the budget."""
        return self.smallest_step is None or max_drop == 0 or self.smallest_step <= max_drop

    def _needed(self, score: PairedScore, count: int, max_drop: float) -> int | None:
        if self._verdict(score, max_drop) is Verdict.KEPT:
            return count
        if score.interval is None or not score.drop < max_drop:
            return None
        if score.lost == 0:
            return math.ceil(1 / max_drop)
        # The interval's half-width falls with the root of the number of examples.
        exact = count * ((score.interval.high - score.drop) / (max_drop - score.drop)) ** 2
        digits = max(0, int(math.log10(exact)) - 1)
        return math.ceil(exact / 10**digits) * 10**digits


def _upper_end(score: PairedScore) -> float:
    return math.inf if score.interval is None else score.interval.high
