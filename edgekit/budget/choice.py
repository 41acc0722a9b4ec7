"""Selects one of several models."""

from __future__ import annotations

from collections.abc import Sequence

from edgekit.budget.report import Candidate
from edgekit.budget.request import Preference

#: Models whose medians are within this factor of the fastest count as equally fast, because their order may differ on
#: another machine or in another run. The smallest of them is selected, so that chance does not decide.
EQUALLY_FAST = 1.25


def choose(candidates: Sequence[Candidate], prefer: Preference) -> int:
    """Index of the model to select: one within the budget, or else the one with the smallest drop.

    Args:
        candidates: One or more models, the simplest mode first; the first of equal models is selected.
        prefer: Whether to prefer speed or size.
    """
    places = [place for place, candidate in enumerate(candidates) if candidate.is_within]
    if not places:
        return min(range(len(candidates)), key=lambda place: candidates[place].drop)
    if prefer is Preference.SPEED:
        places = [places[number] for number in equally_fast([candidates[place].p50_ms for place in places])]
    return min(places, key=lambda place: candidates[place].size_bytes)


def equally_fast(medians_ms: Sequence[float]) -> list[int]:
    """The indices of the medians that timing cannot distinguish from the fastest."""
    limit = EQUALLY_FAST * min(medians_ms)
    return [index for index, median in enumerate(medians_ms) if median <= limit]
