"""Figures and names as the tables show them."""

from __future__ import annotations

import pytest

from edgekit.counting import counted
from edgekit.reports.tables import metric_words, percent


@pytest.mark.parametrize(
    ("fraction", "text"), [(-0.00001, "0.00 %"), (-0.0, "0.00 %"), (-0.0123, "-1.23 %"), (None, "–")]
)
def test_a_percentage_is_never_a_negative_zero(fraction: float | None, text: str) -> None:
    assert percent(fraction) == text


def test_metrics_and_counts_are_spelled_as_in_prose() -> None:
    assert [metric_words(name) for name in ("mean_iou", "token_accuracy")] == ["mean IoU", "token accuracy"]
    assert [counted(count, "example") for count in (1, 2000)] == ["1 example", "2,000 examples"]
