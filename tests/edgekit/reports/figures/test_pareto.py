"""The Pareto figure: every model, the path of the search, marks that do not cover each other."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgekit.budget.report import BudgetReport, Candidate, Step
from edgekit.budget.verdict import Verdict
from edgekit.parity.paired_statistics import Interval
from edgekit.reports.figures import pareto

INT8 = Candidate("int8", None, 0, 9, 100_000, 0.03, 0.001, Interval(-0.009, 0.011), Verdict.KEPT, True, None)
STEPS = (
    Step("", "", None, 0, "minmax", False, 0.1556, 98_000, 0.028),
    Step("", "", None, 0, "percentile", False, 0.1111, 98_000, 0.028),
    Step("a", "CONV_2D", 0.1, 1, "percentile", False, 0.049, 99_000, 0.029),
    Step("b", "CONV_2D", 0.1, 2, "percentile", False, 0.001, 100_000, 0.03),
)
REPORT = BudgetReport(
    "top1", "labels", 0.005, None, 40, 50, 200, True, False, 1 / 200, True, False, 16, (INT8,), STEPS, 0, True
)  # fmt: skip


@pytest.fixture
def figure(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The figures that are written."""
    figures: list[Any] = []
    monkeypatch.setattr(pareto, "save_figure", lambda figure, _path: figures.append(figure))
    return figures


def legend_of(figure: Any) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_the_path_of_the_search_is_drawn_with_every_model_judged(figure: list[Any], tmp_path: Path) -> None:
    pareto.draw_pareto(REPORT, tmp_path / "pareto.png")
    for axes, x in zip(figure[0].axes, ((98, 98, 99, 100), (28, 28, 29, 30)), strict=True):
        (path,) = (line for line in axes.lines if str(line.get_label()).startswith("path of the search"))
        np.testing.assert_allclose(path.get_xdata(), x)
        np.testing.assert_allclose(path.get_ydata(), [15.56, 11.11, 4.9, 0.1])
        # An arrow from each model to the next.
        assert sum(text.arrow_patch is not None for text in axes.texts) == 3
        bottom, top = axes.get_ylim()
        assert bottom > 15.56
        assert top < -0.9
    assert "path of the search, on 50 examples" in legend_of(figure[0])
    assert "int8 (selected)" in legend_of(figure[0])


def test_a_mode_called_none_is_float32_and_a_front_of_one_is_not_drawn(figure: list[Any], tmp_path: Path) -> None:
    pareto.draw_pareto(replace(REPORT, candidates=(replace(INT8, mode="none"),), steps=()), tmp_path / "p.png")
    legend = legend_of(figure[0])
    assert "float32 (selected)" in legend
    assert not [label for label in legend if "none" in label or "smallest drop" in label]


def test_marks_in_one_place_are_moved_apart_and_intervals_are_drawn(figure: list[Any], tmp_path: Path) -> None:
    same = tuple(replace(INT8, mode=mode) for mode in ("none", "float16", "int8", "int16x8"))
    pareto.draw_pareto(replace(REPORT, candidates=same, steps=()), tmp_path / "p.png")
    axes = figure[0].axes[0]
    marks = [line for line in axes.lines if line.get_linestyle() == "None" and len(line.get_xdata()) == 1]
    assert len(marks) == 4
    assert len({line.get_marker() for line in marks}) == 4
    x = np.sort([float(line.get_xdata()[0]) for line in marks])
    assert x[0] < 100 < x[-1]
    assert np.diff(x / np.ptp(axes.get_xlim()) * 4).min() > 0.16
    assert [float(line.get_ydata()[0]) for line in marks] == pytest.approx([0.1] * 4)
    whiskers = [line for line in axes.lines if line.get_marker() == "_"]
    np.testing.assert_allclose([line.get_ydata() for line in whiskers], [[-0.9, 1.1]] * 4)


def test_answers_that_are_no_numbers_are_drawn_at_the_edge(figure: list[Any], tmp_path: Path) -> None:
    broken = replace(INT8, drop=float("inf"), interval=None, is_within=False, verdict=Verdict.MISSED)
    pareto.draw_pareto(replace(REPORT, candidates=(broken, INT8), chosen=1), tmp_path / "p.png")
    assert "int8 (misses it)" in legend_of(figure[0])
    figure[0].savefig(tmp_path / "drawn.png")
