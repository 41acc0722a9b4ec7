"""Kept, unproven, missed: what the examples show of a budget."""

from __future__ import annotations

import numpy as np
import pytest

from edgekit.budget.verdict import Judgement, Verdict
from edgekit.parity.metrics import PairedScore, metric_for
from edgekit.parity.paired_statistics import Interval


def score(drop: float, low: float, high: float, lost: int | None = 3) -> PairedScore:
    return PairedScore(0.9, 0.9 - drop, drop, Interval(low, high), lost)


@pytest.mark.parametrize(
    ("each", "expected"),
    [
        pytest.param(score(0.001, -0.002, 0.004), Verdict.KEPT, id="whole interval within"),
        pytest.param(score(-0.0556, -0.258, 0.126), Verdict.UNPROVEN, id="a gain on 18 examples"),
        pytest.param(score(0.0, -0.01, 0.01, lost=0), Verdict.KEPT, id="no example lost"),
        pytest.param(score(0.006, 0.001, 0.011), Verdict.MISSED, id="more than the budget"),
        pytest.param(PairedScore(0.9, 0.9, 0.0, None, None), Verdict.UNPROVEN, id="no interval"),
        pytest.param(PairedScore(1.0, 1.0, 0.0, None, 0), Verdict.UNPROVEN, id="a single example that is right"),
        pytest.param(PairedScore(float("nan"), -np.inf, np.inf, None, None), Verdict.MISSED, id="not finite"),
    ],
)
def test_a_budget_of_half_a_point(each: PairedScore, expected: Verdict) -> None:
    assert Judgement({"y": each}).verdict(0.005) is expected


def test_of_several_outputs_the_worst_verdict_counts() -> None:
    kept, unproven = score(0.001, -0.002, 0.004), score(-0.01, -0.1, 0.1)
    judgement = Judgement({"a": kept, "b": unproven})
    assert judgement.verdict(0.005) is Verdict.UNPROVEN
    assert judgement.drop == 0.001


def test_the_number_of_examples_that_would_prove_it_grows_with_the_square_of_the_interval() -> None:
    # A half-width of 0.1 has to shrink to 0.005: 400 times the examples.
    assert Judgement({"y": score(0.0, -0.1, 0.1)}).examples_to_prove(50, 0.005) == 20_000
    assert Judgement({"y": score(0.005, -0.1, 0.1)}).examples_to_prove(50, 0.005) is None


def test_the_number_holds_on_as_many_examples() -> None:
    """Twelve of 400 answers change, six each way; the number of examples that it names keeps the budget."""
    y = np.zeros(400, np.int64)
    reference, candidate = np.tile([[0.9, 0.1]], (400, 1)), np.tile([[0.9, 0.1]], (400, 1))
    reference[:6], candidate[6:12] = [0.1, 0.9], [0.1, 0.9]
    metric = metric_for("top1", "classes", reference, y)
    few = Judgement({"y": metric.compare(reference, candidate, y)})
    assert few.verdict(0.01) is Verdict.UNPROVEN
    needed = few.examples_to_prove(400, 0.01)
    assert needed is not None
    times = -(-needed // 400)
    many = metric.compare(np.tile(reference, (times, 1)), np.tile(candidate, (times, 1)), np.tile(y, times))
    assert Judgement({"y": many}).verdict(0.01) is Verdict.KEPT


@pytest.mark.parametrize(
    ("examples", "max_drop", "expected"),
    [
        pytest.param(6, 0.01, Verdict.UNPROVEN, id="one lost example would be sixteen points"),
        pytest.param(100, 0.01, Verdict.KEPT, id="one lost example would be the budget"),
        pytest.param(6, 0.0, Verdict.KEPT, id="nothing may be lost, and nothing is"),
    ],
)
def test_no_lost_example_shows_a_budget_that_examples_can_see(
    examples: int, max_drop: float, expected: Verdict
) -> None:
    unchanged = Judgement({"y": score(0.0, -0.39, 0.39, lost=0)}, 1 / examples)
    assert unchanged.verdict(max_drop) is expected
    if expected is Verdict.UNPROVEN:
        assert unchanged.examples_to_prove(examples, max_drop) == 100
