"""Draws the Pareto figure: the drop in accuracy against size and latency, for every judged model."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edgekit.budget.report import BudgetReport, Candidate, Step
from edgekit.counting import counted
from edgekit.reports.figures.names import model_name
from edgekit.reports.figures.palette import LIGHT, MARKERS
from edgekit.reports.figures.writing import plain_text, save_figure
from edgekit.reports.terminal.tables import metric_words

_SHARES = ("top1", "agreement")
#: Width and height of a panel, and minimum distance between two marks, in inches.
_PANEL, _NEAREST = (4.0, 3.6), 0.2


@plain_text
def draw_pareto(report: BudgetReport, path: Path) -> None:
    """Draw the drop of every model against its size and its latency, and the path of the search.

    Args:
        report: Report of the budget.
        path: Path of the PNG to write.
    """
    from matplotlib.figure import Figure

    unit = 100 if report.metric in _SHARES else 1
    figure = Figure(figsize=(12, 4.8), layout="constrained")
    by_size, by_time = figure.subplots(1, 2, sharey=True)
    judged: list[Candidate | Step] = [*report.candidates, *report.steps]
    sizes = [each.size_bytes / 1000 for each in judged]
    times = [1000 * each.p50_ms for each in judged]
    _scale_drops(by_size, report, unit)
    _draw(by_size, report, sizes, unit)
    by_size.set_xlabel("size, kB")
    metric = metric_words(report.metric)
    by_size.set_ylabel(f"drop of {metric}" + (", points" if unit == 100 else ""))
    _draw(by_time, report, times, unit)
    by_time.set_xlabel("median latency of one example here, µs")
    handles, labels = by_size.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right center", frameon=False)
    figure.suptitle(
        f"{metric} against {report.against} on {counted(report.held_back_examples, report.example)}; "
        "up and left is better. Whiskers: 95 % interval"
    )
    save_figure(figure, path)


def _draw(axes: Any, report: BudgetReport, values: Sequence[float], unit: float) -> None:
    from matplotlib.ticker import LogLocator

    if max(values) > 2 * min(values):
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        _plain_numbers(axes.xaxis)
    # The axis is wide enough that one percent does not look like a large step.
    axes.set_xlim(min(values) / 1.15, max(values) * 1.15)
    axes.axhspan(
        unit * report.max_drop, unit * _least(report), color=LIGHT["good"], alpha=0.08, label="within the budget"
    )
    axes.axhline(0, color=LIGHT["faint"], linestyle=":", linewidth=1, label="as good as the float model")
    _draw_path(axes, report, values, unit)
    places = [
        (value, unit * min(candidate.drop, _worst(report)))
        for candidate, value in zip(report.candidates, values, strict=False)
    ]
    _draw_front(axes, places)
    for number, (candidate, place) in enumerate(zip(report.candidates, moved_apart(axes, places), strict=True)):
        taken = report.met and number == report.chosen
        _draw_candidate(axes, candidate, place, unit, MARKERS[number % len(MARKERS)], taken=taken)
    axes.grid(color="0.92", which="both")
    axes.spines[["top", "right"]].set_visible(False)


def _draw_candidate(
    axes: Any, candidate: Candidate, place: tuple[float, float], unit: float, marker: str, *, taken: bool
) -> None:
    color = LIGHT["after"] if candidate.is_within else LIGHT["bad"]
    if candidate.interval is not None:
        low, high = unit * candidate.interval.low, unit * candidate.interval.high
        axes.plot([place[0]] * 2, [low, high], "_-", color=color, linewidth=1.2, markersize=7, zorder=3)
    axes.plot(
        *place,
        marker,
        color=color,
        markersize=13 if taken else 9,
        markerfacecolor=color if taken else "white",
        markeredgewidth=1.8,
        linestyle="none",
        zorder=4,
        label=_label(candidate, taken),
    )


def _draw_path(axes: Any, report: BudgetReport, values: Sequence[float], unit: float) -> None:
    """Draw the models that the search judged, in its order; each arrow leaves one more operator in float."""
    worst = _worst(report)
    places = [
        (value, unit * min(step.drop, worst))
        for step, value in zip(report.steps, values[len(report.candidates) :], strict=True)
    ]
    for start, end in itertools.pairwise(places):
        axes.annotate("", end, start, arrowprops={"arrowstyle": "->", "color": LIGHT["before"], "shrinkA": 3})
    if places:
        examples = counted(report.search_examples, "example")
        axes.plot(
            *zip(*places, strict=True),
            "o",
            color=LIGHT["before"],
            markersize=5,
            linestyle="none",
            zorder=2,
            label=f"path of the search, on {examples}",
        )


def _draw_front(axes: Any, places: Sequence[tuple[float, float]]) -> None:
    front = _front(places)
    if len(front) > 1:
        axes.plot(*zip(*front, strict=True), color="0.6", linewidth=1, zorder=2, label="smallest drop at that cost")


def moved_apart(axes: Any, places: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Move points whose marks would overlap to the left and right.

    Args:
        axes: Panel, with its scales and limits set.
        places: Points in data coordinates of the panel.
    """
    to_inches = axes.transScale + axes.transLimits
    inches = to_inches.transform(np.array(places)) * _PANEL
    moved = inches.copy()
    left = list(range(len(places)))
    while left:
        group = [left.pop(0)]
        for place in group:
            near = [other for other in left if np.linalg.norm(inches[place] - inches[other]) < _NEAREST]
            group += near
            left = [other for other in left if other not in near]
        middle = inches[group, 0].mean()
        for number, place in enumerate(sorted(group, key=lambda each: (inches[each, 0], each))):
            if len(group) > 1:
                moved[place, 0] = middle + (number - (len(group) - 1) / 2) * _NEAREST
    return [(float(x), float(y)) for x, y in to_inches.inverted().transform(moved / _PANEL)]


def _label(candidate: Candidate, taken: bool) -> str:
    label = candidate.label.replace(candidate.mode, model_name(candidate.mode), 1)
    return label + (" (selected)" if taken else "" if candidate.is_within else " (misses it)")


def _least(report: BudgetReport) -> float:
    """The upper limit of the panels, slightly better than the best model and the float model."""
    lows = [candidate.interval.low for candidate in report.candidates if candidate.interval]
    return min(0.0, *lows, *(candidate.drop for candidate in report.candidates)) - 0.3 * _linear(report)


def _worst(report: BudgetReport) -> float:
    """The largest finite drop, at least the budget; infinite drops are drawn there."""
    drops = [*(each.drop for each in report.candidates), *(each.drop for each in report.steps)]
    highs = [candidate.interval.high for candidate in report.candidates if candidate.interval]
    return max(report.max_drop, *(drop for drop in (*drops, *highs) if drop < float("inf")), _linear(report))


def _linear(report: BudgetReport) -> float:
    """The limit of the linear scale; larger drops are on a log scale, so that 80 and 0.3 points fit in one figure."""
    return max(report.max_drop, 1e-4)


def _scale_drops(axes: Any, report: BudgetReport, unit: float) -> None:
    axes.set_yscale("symlog", linthresh=unit * _linear(report), linscale=1)
    _plain_numbers(axes.yaxis)
    # The axis is inverted, so that better is up.
    axes.set_ylim(unit * 1.6 * _worst(report), unit * _least(report))


def _plain_numbers(axis: Any) -> None:
    from matplotlib.ticker import FuncFormatter, NullFormatter

    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}".replace("-", "−")))
    axis.set_minor_formatter(NullFormatter())


def _front(places: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """The points that no other point beats in both coordinates, from left to right."""
    front: list[tuple[float, float]] = []
    for place in sorted(places):
        if not front or place[1] < front[-1][1]:
            front.append(place)
    return front
