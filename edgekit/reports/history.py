"""Shows accuracy, size and latency of models over commits as a table and as a figure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from edgekit.counting import percent
from edgekit.regression.history import HistoryEntry
from edgekit.reports.figures.palette import LIGHT, MARKERS
from edgekit.reports.figures.writing import plain_text, save_figure
from edgekit.reports.terminal.tables import kilobytes, print_table

_MOST_TICKS = 24
_LONGEST_NAME = 40
#: Colours of the lines of the models, which also have different marks.
_LINES = ("after", "before", "good", "warn", "faint")


@dataclass(frozen=True, slots=True)
class _Panel:
    """A panel with one quantity over the checks.

    Attributes:
        label: Name and unit of the quantity.
        value: Returns the value of an entry, or None.
        rules: Rules that judge the quantity.
        least_span: Minimum height of the panel, as a fraction of its values.
        most: Largest possible value; None for no limit.
    """

    label: str
    value: Callable[[HistoryEntry], float | None]
    rules: tuple[str, ...]
    least_span: float
    most: float | None = None

    def has_failed(self, entry: HistoryEntry) -> bool:
        """Whether a rule that judges this quantity failed."""
        return any(rule in self.rules for rule in entry.failed_rules)


_PANELS = (
    _Panel("top-1, %", lambda entry: entry.top1 and 100 * entry.top1, ("accuracy", "agreement"), 0.05, 100),
    _Panel("mean absolute error", lambda entry: entry.mean_absolute_error, ("error",), 0.05),
    _Panel("size, kB", lambda entry: entry.size_bytes and entry.size_bytes / 1000, ("size",), 0.1),
    _Panel("latency, × reference", lambda entry: entry.latency_ratio, ("latency",), 0.3),
)


def print_history(file: str, entries: Sequence[HistoryEntry], *, drawn: Path | None) -> None:
    """Print one row per entry.

    Args:
        file: File name of the history.
        entries: Entries, in the order of the checks.
        drawn: Path of the figure that was drawn of them, or None.
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
    """Draw one line per model in a panel for each quantity; checks whose rule failed are crosses.

    Args:
        entries: Entries, in the order of the checks.
        path: Path of the PNG, or of the SVG if that is its suffix.
    """
    from matplotlib.figure import Figure

    checks = list(dict.fromkeys((entry.time, entry.commit) for entry in entries))
    places = {check: number for number, check in enumerate(checks)}
    shown = [panel for panel in _PANELS if any(panel.value(entry) is not None for entry in entries)]
    figure = Figure(
        figsize=(max(6.0, min(14.0, 3 + 0.4 * len(checks))), 1 + 2 * max(1, len(shown))), layout="constrained"
    )
    axes = figure.subplots(max(1, len(shown)), 1, sharex=True, squeeze=False)[:, 0]
    for drawn, panel in zip(axes, shown, strict=False):
        _draw_panel(drawn, entries, places, panel)
        drawn.set_ylabel(panel.label)
    if shown:
        axes[0].legend(loc="best", fontsize=8, frameon=False)
    step = max(1, -(-len(checks) // _MOST_TICKS))
    names = [commit[:8] or time[:10] for time, commit in checks]
    axes[-1].set_xticks(range(0, len(checks), step), names[::step], rotation=60, ha="right", fontsize=8)
    _mark_failed_checks(axes[-1], entries, places)
    figure.suptitle("Every check. A cross: its rule failed; a red name: the check failed")
    save_figure(figure, path)


def _draw_panel(
    axes: Any,
    entries: Sequence[HistoryEntry],
    places: dict[tuple[str, str], int],
    panel: _Panel,
) -> None:
    for number, model in enumerate(dict.fromkeys(entry.model for entry in entries)):
        known = [
            (entry, figure) for entry in entries if entry.model == model and (figure := panel.value(entry)) is not None
        ]
        x = [places[entry.time, entry.commit] for entry, _ in known]
        axes.plot(
            x,
            [figure for _, figure in known],
            marker=MARKERS[number % len(MARKERS)],
            color=LIGHT[_LINES[number % len(_LINES)]],
            clip_on=False,
            markersize=5,
            linewidth=1.4,
            label=model[:_LONGEST_NAME],
        )
        failed = [(place, figure) for place, (entry, figure) in zip(x, known, strict=True) if panel.has_failed(entry)]
        if failed:
            axes.plot(
                *zip(*failed, strict=True), "x", color=LIGHT["bad"], markersize=13, markeredgewidth=2.5, clip_on=False
            )
    axes.grid(visible=True, alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.margins(y=0.2)
    # A change of a tenth of a percent, or noise in the latency, must not fill the panel.
    low, high = axes.get_ylim()
    missing = panel.least_span * abs(low + high) / 2 - (high - low)
    if missing > 0:
        low, high = low - missing / 2, high + missing / 2
    axes.set_ylim(max(0.0, low), high if panel.most is None else min(panel.most, high))


def _mark_failed_checks(axes: Any, entries: Sequence[HistoryEntry], places: dict[tuple[str, str], int]) -> None:
    """Mark the names of checks that failed any rule in red and with a cross."""
    failed = {places[entry.time, entry.commit] for entry in entries if not entry.passed}
    labels = {round(place): text for place, text in zip(axes.get_xticks(), axes.get_xticklabels(), strict=True)}
    axes.set_xticks(list(labels), [f"× {t.get_text()}" if p in failed else t.get_text() for p, t in labels.items()])
    for place, text in zip(labels, axes.get_xticklabels(), strict=True):
        text.set_color(LIGHT["bad" if place in failed else "text"])
