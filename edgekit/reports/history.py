"""Accuracy, size and latency of models over commits, as a table and as a figure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from edgekit.regression.history import HistoryEntry
from edgekit.reports.figures.writing import plain_text, save_figure
from edgekit.reports.tables import kilobytes, percent, print_table

_MOST_TICKS = 24
_LONGEST_NAME = 40


def print_history(file: str, entries: Sequence[HistoryEntry], *, drawn: Path | None) -> None:
    """Print one row for each entry.

    Args:
        file: Name of the history.
        entries: In the order of the checks.
        drawn: The figure that was drawn of them; None if there is none.
    """
    rows = [
        (
            entry.commit[:8] or "–",
            entry.time[:16].replace("T", " "),
            entry.model,
            percent(entry.top1) if entry.mean_absolute_error is None else f"{entry.mean_absolute_error:.4g}",
            "–" if entry.size_bytes is None else kilobytes(entry.size_bytes),
            "–" if entry.latency_ratio is None else f"{entry.latency_ratio:.3f} ×",
            "passed" if entry.passed else f"failed: {', '.join(entry.failed_rules)}",
        )
        for entry in entries
    ]
    columns = ("commit", "time, UTC", "model", "top-1 or error", "size", "latency", "verdict")
    print_table(f"{file}: {len(rows)} entries", columns, rows)
    if drawn is not None:
        click.echo(f"Drawn: {drawn}")


@plain_text
def draw_history(entries: Sequence[HistoryEntry], path: Path) -> None:
    """Draw a line a model in three panels; checks that failed are crosses.

    Args:
        entries: In the order of the checks.
        path: PNG, or SVG where its name ends so.
    """
    from matplotlib.figure import Figure

    checks = list(dict.fromkeys((entry.time, entry.commit) for entry in entries))
    places = {check: number for number, check in enumerate(checks)}
    panels: list[tuple[str, Callable[[HistoryEntry], float | None]]] = [
        ("top-1, %", lambda entry: None if entry.top1 is None else 100 * entry.top1),
        ("mean absolute error", lambda entry: entry.mean_absolute_error),
        ("size, kB", lambda entry: None if entry.size_bytes is None else entry.size_bytes / 1000),
        ("latency, × reference", lambda entry: entry.latency_ratio),
    ]
    shown = [(label, value) for label, value in panels if any(value(entry) is not None for entry in entries)]
    figure = Figure(
        figsize=(max(6.0, min(14.0, 3 + 0.4 * len(checks))), 1 + 2 * max(1, len(shown))), layout="constrained"
    )
    axes = figure.subplots(max(1, len(shown)), 1, sharex=True, squeeze=False)[:, 0]
    for panel, (label, value) in zip(axes, shown, strict=False):
        _draw_panel(panel, entries, places, value)
        panel.set_ylabel(label)
    if shown:
        axes[0].legend(loc="best", fontsize=8, frameon=False)
    step = max(1, -(-len(checks) // _MOST_TICKS))
    names = [commit[:8] or time[:10] for time, commit in checks]
    axes[-1].set_xticks(range(0, len(checks), step), names[::step], rotation=60, ha="right", fontsize=8)
    figure.suptitle("Every check; a cross: it failed")
    save_figure(figure, path)


def _draw_panel(
    axes: Any,
    entries: Sequence[HistoryEntry],
    places: dict[tuple[str, str], int],
    value: Callable[[HistoryEntry], float | None],
) -> None:
    for model in dict.fromkeys(entry.model for entry in entries):
        known = [(entry, figure) for entry in entries if entry.model == model and (figure := value(entry)) is not None]
        x = [places[entry.time, entry.commit] for entry, _ in known]
        (line,) = axes.plot(
            x, [figure for _, figure in known], "o-", markersize=4, linewidth=1.4, label=model[:_LONGEST_NAME]
        )
        failed = [(place, figure) for place, (entry, figure) in zip(x, known, strict=True) if not entry.passed]
        if failed:
            axes.plot(*zip(*failed, strict=True), "x", color=line.get_color(), markersize=11, markeredgewidth=2)
    axes.grid(visible=True, alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.margins(y=0.2)
    # A change of a tenth of a percent is not to fill the panel.
    low, high = axes.get_ylim()
    missing = 0.05 * abs(low + high) / 2 - (high - low)
    if missing > 0:
        axes.set_ylim(low - missing / 2, high + missing / 2)
