"""Which of several models is taken."""

from __future__ import annotations

from collections.abc import Sequence

from edgekit.budget.report import Candidate
from edgekit.budget.request import Preference

#: Models whose medians are within this factor of the fastest are about equally fast: on another machine, or on this one
#: tomorrow, the order may be another. The smallest of them is taken, so that chance does not decide.
EQUALLY_FAST = 1.25


def choose(candidates: Sequence[Candidate], prefer: Preference) -> int:
    """The place of the model to take: within the budget if one is, else the one that misses it by least.

    Args:
        candidates: One or more, the plainest first; of equals the first is taken.
        prefer: Speed or size.
    """
    places = [place for place, candidate in enumerate(candidates) if candidate.is_within]
    if not places:
        return min(range(len(candidates)), key=lambda place: candidates[place].drop)
    if prefer is Preference.SPEED:
        places = [places[number] for number in equally_fast([candidates[place].p50_ms for place in places])]
    return min(places, key=lambda place: candidates[place].size_bytes)


def equally_fast(medians_ms: Sequence[float]) -> list[int]:
    """The indices of the medians that timing cannot tell from the fastest."""
    limit = EQUALLY_FAST * min(medians_ms)
    return [index for index, median in enumerate(medians_ms) if median <= limit]
