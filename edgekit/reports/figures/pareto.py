"""The Pareto figure: what accuracy costs in size and in time, for every model that was judged."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edgekit.budget.report import BudgetReport, Candidate
from edgekit.counting import counted
from edgekit.reports.figures.writing import plain_text, save_figure

_SHARES = ("top1", "agreement")


@plain_text
def draw_pareto(report: BudgetReport, path: Path) -> None:
    """Draw the drop of every model against its size and against its latency.

    Args:
        report: The models.
        path: PNG to write.
    """
    from matplotlib.figure import Figure

    unit = 100 if report.metric in _SHARES else 1
    figure = Figure(figsize=(11, 4.6), layout="constrained")
    by_size, by_time = figure.subplots(1, 2, sharey=True)
    _draw(by_size, report, [candidate.size_bytes / 1000 for candidate in report.candidates], unit)
    by_size.set_xlabel("size, kB")
    by_size.set_ylabel(f"drop of {report.metric}" + (", points" if unit == 100 else ""))
    _draw(by_time, report, [1000 * candidate.p50_ms for candidate in report.candidates], unit)
    by_time.set_xlabel("median latency of one example here, µs")
    _scale_drops(by_size, report, unit)
    handles, labels = by_size.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right center", frameon=False)
    figure.suptitle(
        f"{report.metric} against {report.against} on {counted(report.held_back_examples, report.example)}; "
        "up and left is better"
    )
    save_figure(figure, path)


def _draw(axes: Any, report: BudgetReport, values: Sequence[float], unit: float) -> None:
    from matplotlib.ticker import LogLocator

    axes.axhspan(
        unit * report.max_drop, unit * _least(report), color="tab:green", alpha=0.08, label="within the budget"
    )
    for place, (candidate, value) in enumerate(zip(report.candidates, values, strict=True)):
        taken = report.met and place == report.chosen
        axes.scatter(
            [value],
            [unit * candidate.drop],
            marker="*" if taken else "o" if candidate.is_within else "X",
            s=260 if taken else 70,
            color=f"C{place}",
            edgecolors="white",
            zorder=3,
            label=_label(candidate, taken),
        )
    front = _front([(value, unit * candidate.drop) for candidate, value in zip(report.candidates, values, strict=True)])
    axes.plot(*zip(*front, strict=True), color="0.6", linewidth=1, zorder=2, label="none better in both")
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    _plain_numbers(axes.xaxis)
    axes.margins(x=0.15)
    axes.grid(color="0.92", which="both")
    axes.spines[["top", "right"]].set_visible(False)


def _label(candidate: Candidate, taken: bool) -> str:
    return candidate.label + (" (taken)" if taken else "" if candidate.is_within else " (misses it)")


def _least(report: BudgetReport) -> float:
    """The upper edge of the picture: a little better than the best and than the float model."""
    return min(0.0, *(candidate.drop for candidate in report.candidates)) - 0.3 * _linear(report)


def _linear(report: BudgetReport) -> float:
    """Drops up to here are drawn in proportion: a drop of 80 points and one of 0.3 belong into one picture."""
    return max(report.max_drop, 1e-4)


def _scale_drops(axes: Any, report: BudgetReport, unit: float) -> None:
    axes.set_yscale("symlog", linthresh=unit * _linear(report), linscale=1)
    _plain_numbers(axes.yaxis)
    worst = max(report.max_drop, *(candidate.drop for candidate in report.candidates if candidate.drop < float("inf")))
    # Upside down, so that better is up.
    axes.set_ylim(unit * 2 * worst, unit * _least(report))


def _plain_numbers(axis: Any) -> None:
    from matplotlib.ticker import FuncFormatter, NullFormatter

    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def _front(places: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """The places that no other beats in both, from left to right."""
    front: list[tuple[float, float]] = []
    for place in sorted(places):
        if not front or place[1] < front[-1][1]:
            front.append(place)
    return front
