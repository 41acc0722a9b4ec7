"""The figure of a history: a cross where a rule failed, and nowhere else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edgekit.regression.history import HistoryEntry
from edgekit.reports import history


def entry(day: int, top1: float, failed: tuple[str, ...] = (), latency: float = 1.0) -> HistoryEntry:
    time = f"2026-01-0{day}T00:00:00+00:00"
    return HistoryEntry(
        time, f"{day}" * 8, "m", not failed, failed, "0", 1000, top1, None, latency, 0.1, "pc", "digits", 360
    )  # fmt: skip


@pytest.fixture
def panels(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Any]:
    figures: list[Any] = []
    monkeypatch.setattr(history, "save_figure", lambda figure, _path: figures.append(figure))
    entries = [entry(1, 1.0), entry(2, 0.5, ("accuracy",)), entry(3, 1.0, ("labels",), 1.01), entry(4, 1.0)]
    history.draw_history(entries, tmp_path / "history.png")
    return list(figures[0].axes)


def test_only_the_panel_of_the_rule_that_failed_has_a_cross(panels: list[Any]) -> None:
    crosses = [[line for line in panel.lines if line.get_marker() == "x"] for panel in panels]
    assert [len(each) for each in crosses] == [1, 0, 0]
    assert list(crosses[0][0].get_xdata()) == [1]
    assert list(crosses[0][0].get_ydata()) == [50]


def test_a_check_that_failed_by_any_rule_has_its_name_marked(panels: list[Any]) -> None:
    names = [text.get_text() for text in panels[-1].get_xticklabels()]
    assert names == ["11111111", "× 22222222", "× 33333333", "44444444"]


def test_accuracy_ends_at_100_percent_and_noise_of_the_latency_is_no_leap(panels: list[Any]) -> None:
    assert panels[0].get_ylim()[1] == 100
    low, high = panels[2].get_ylim()
    assert high - low > 0.29
