"""Which model is taken: within the budget, then about as fast as the fastest, then the smallest."""

from __future__ import annotations

import pytest

from edgekit.budget.choice import EQUALLY_FAST, choose
from edgekit.budget.report import Candidate
from edgekit.budget.request import Preference
from edgekit.budget.verdict import Verdict

#: mode, kB, µs, drop in thousandths; the budget is 5.
Row = tuple[str, int, float, float]

CNN: list[Row] = [("none", 378, 69, 0), ("float16", 193, 68, 0), ("dynamic", 102, 31, 3), ("int8", 105, 29, 2)]


def candidate(row: Row) -> Candidate:
    mode, size, time, drop = row
    verdict = Verdict.KEPT if drop <= 5 else Verdict.MISSED
    return Candidate(mode, None, 0, 9, size, time, drop / 1000, None, verdict, drop <= 5, None)


@pytest.mark.parametrize(
    ("rows", "prefer", "taken"),
    [
        (CNN, Preference.SIZE, "dynamic"),
        # 31 and 29 µs are a tie, and dynamic is the smaller.
        (CNN, Preference.SPEED, "dynamic"),
        ([*CNN[:3], ("int8", 105, 20, 2)], Preference.SPEED, "int8"),
        ([*CNN[:2], ("dynamic", 102, 31, 9), CNN[3]], Preference.SPEED, "int8"),
        ([*CNN[:2], ("dynamic", 102, 31, 9), ("int8", 105, 29, 9)], Preference.SPEED, "float16"),
        # None within the budget: the one that misses it by least.
        ([("dynamic", 102, 31, 9), ("int8", 105, 29, 7)], Preference.SIZE, "int8"),
        ([("none", 100, 10, 0), ("int8", 100, 10, 0)], Preference.SIZE, "none"),
    ],
    ids=["size", "tie", "faster", "missed", "both missed", "nothing", "equal"],
)
def test_the_choice(rows: list[Row], prefer: Preference, taken: str) -> None:
    assert rows[choose([candidate(row) for row in rows], prefer)][0] == taken


def test_times_that_drift_within_the_margin_do_not_change_it() -> None:
    for drift in (0.9, 1.0, 1.1):
        rows = [("dynamic", 102, 30 * drift, 0.0), ("int8", 105, 30.0, 0.0)]
        assert choose([candidate(row) for row in rows], Preference.SPEED) == 0
    assert EQUALLY_FAST > 1.2
