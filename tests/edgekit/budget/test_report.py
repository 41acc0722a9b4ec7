"""What a budget's outcome has to say of itself."""

from __future__ import annotations

import pytest

from edgekit.budget.report import BudgetReport, Candidate
from edgekit.budget.verdict import Verdict
from edgekit.parity.paired_statistics import Interval
from edgekit_runtime.errors import BelowThresholdError


def report(max_drop: float, examples: int, *, drop: float = 0.0) -> BudgetReport:
    verdict = Verdict.KEPT if drop <= max_drop else Verdict.MISSED
    return judged(max_drop, examples, drop, verdict, Interval(drop - 0.01, drop + 0.01), None)


def judged(
    max_drop: float,
    examples: int,
    drop: float,
    verdict: Verdict,
    interval: Interval | None,
    needed: int | None,
    *,
    strict: bool = False,
) -> BudgetReport:
    within = verdict is Verdict.KEPT or (verdict is Verdict.UNPROVEN and not strict)
    candidate = Candidate("int8", None, 0, 9, 105, 0.03, drop, interval, verdict, within, needed)
    return BudgetReport(
        "top1", "labels", max_drop, None, 40, 5, examples, True, strict, 1 / examples, True, False, 1,
        (candidate,), (), 0, within,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("max_drop", "examples", "drop"),
    [(0.005, 200, 0.0), (0.02, 50, 0.0), (0.0, 5, 0.0), (0.02, 5, 0.2)],
    ids=["one example fits", "as large as one", "none may be lost", "missed: no claim is made"],
)
def test_no_warning_where_the_budget_can_be_seen(max_drop: float, examples: int, drop: float) -> None:
    assert report(max_drop, examples, drop=drop).warnings == ()


def test_an_unproven_budget_is_warned_of_with_what_would_prove_it() -> None:
    unproven = judged(0.005, 18, -0.0556, Verdict.UNPROVEN, Interval(-0.258, 0.126), 160)
    (warning,) = unproven.warnings
    assert (
        "unproven: on 18 held-back examples the change is +5.56 points, and can be anything from −12.60 to +25.80"
        in warning
    )
    assert "About 160 held-back examples would prove it" in warning
    unproven.require_met()


def test_a_strict_budget_is_missed_if_it_is_unproven() -> None:
    unproven = judged(0.005, 18, -0.0556, Verdict.UNPROVEN, Interval(-0.258, 0.126), 160, strict=True)
    with pytest.raises(BelowThresholdError, match="No model is proven to meet the budget") as caught:
        unproven.require_met()
    assert "About 160 held-back examples" in caught.value.next_step


def test_a_single_example_proves_nothing() -> None:
    (warning,) = judged(0.01, 1, 0.0, Verdict.UNPROVEN, None, None).warnings
    assert "unproven: on 1 held-back example the" in warning
    assert "Pass data of which more examples are held back." in warning
