"""What a budget's outcome has to say of itself."""

from __future__ import annotations

import pytest

from edgekit.budget.report import BudgetReport, Candidate


def report(max_drop: float, examples: int, *, drop: float = 0.0) -> BudgetReport:
    candidate = Candidate("int8", None, 0, 9, 105, 0.03, drop, None, drop <= max_drop)
    return BudgetReport(
        "top1", "labels", max_drop, None, 40, 5, examples, 1 / examples, True, 1, (candidate,), (), 0, drop <= max_drop
    )  # fmt: skip


@pytest.mark.parametrize(
    ("max_drop", "examples", "needed"), [(0.02, 5, "50 examples"), (0.005, 199, "200 examples")], ids=["5", "199"]
)
def test_a_budget_smaller_than_one_example_is_warned_of(max_drop: float, examples: int, needed: str) -> None:
    (warning,) = report(max_drop, examples).warnings
    assert f"judged on {examples} held-back examples" in warning
    assert needed in warning


@pytest.mark.parametrize(
    ("max_drop", "examples", "drop"),
    [(0.005, 200, 0.0), (0.02, 50, 0.0), (0.0, 5, 0.0), (0.02, 5, 0.2)],
    ids=["one example fits", "as large as one", "none may be lost", "missed: no claim is made"],
)
def test_no_warning_where_the_budget_can_be_seen(max_drop: float, examples: int, drop: float) -> None:
    assert report(max_drop, examples, drop=drop).warnings == ()
