"""The figures of a page: accuracy against size and latency, confusion change, reliability, noise of layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgekit.parity.layers.noise import LayerNoise
from edgekit.reports.figures.svg import AFTER, BAD, BEFORE, FAINT, GOOD, inline_svg, page_style
from edgekit.reports.figures.writing import plain_text
from edgekit.reports.html_page import PageFigure

#: More classes than this cannot be read; those whose answers changed most are drawn.
_MOST_CLASSES = 20
_MOST_LAYERS = 25


@dataclass(frozen=True, slots=True)
class Point:
    """A model before or after the change.

    Attributes:
        size_bytes: Size of the file.
        top1: Top-1 accuracy, a fraction.
        latency_ratio: Latency over the reference model's; None if it was not measured.
    """

    size_bytes: int
    top1: float
    latency_ratio: float | None


@plain_text
def draw_against_size(models: Sequence[tuple[str, Point, Point | None]], name: str) -> str:
    """Accuracy against size.

    Args:
        models: For each its name, the baseline, and the candidate where it could be run.
        name: Unique in the page.
    Returns:
        An ``<svg>`` element.
    """
    return _draw_plane(models, name, "size, kB", lambda point: point.size_bytes / 1000)


@plain_text
def draw_against_latency(models: Sequence[tuple[str, Point, Point | None]], name: str) -> str:
    """Accuracy against latency; the arguments are those of ``draw_against_size``."""
    return _draw_plane(models, name, "latency, × the reference model", lambda point: point.latency_ratio)


def _draw_plane(
    models: Sequence[tuple[str, Point, Point | None]], name: str, xlabel: str, value: Callable[[Point], float | None]
) -> str:
    from matplotlib.figure import Figure

    with page_style(name):
        figure = Figure(figsize=(4.6, 3.4), layout="constrained")
        axes = figure.subplots()
        _draw_panel(axes, models, value)
        # From zero: half a percent of size is not to look like a leap.
        axes.set(xlabel=xlabel, ylabel="top-1, %", xlim=(0, 1.25 * axes.dataLim.x1))
        _add_legend(axes)
        return inline_svg(figure, name, f"Top-1 accuracy against {xlabel}, baseline and candidate")


def _draw_panel(
    axes: Any, models: Sequence[tuple[str, Point, Point | None]], value: Callable[[Point], float | None]
) -> None:
    axes.grid(visible=True)
    for label, before, after in models:
        start = (value(before), 100 * before.top1)
        end = None if after is None else (value(after), 100 * after.top1)
        if start[0] is not None:
            axes.plot(*start, "o", color=BEFORE, markersize=9, markerfacecolor="none", markeredgewidth=2)
        if end is not None and end[0] is not None:
            axes.plot(*end, "o", color=AFTER, markersize=6)
            if start[0] is not None and start != end:
                axes.annotate("", end, start, arrowprops={"arrowstyle": "->", "color": FAINT, "shrinkB": 4})
        place = end if end is not None and end[0] is not None else start
        if place[0] is not None:
            axes.annotate(_short(label), place, xytext=(7, 7), textcoords="offset points", fontsize=9)
    axes.margins(y=0.25)


def _add_legend(axes: Any) -> None:
    axes.plot([], [], "o", color=BEFORE, markersize=9, markerfacecolor="none", markeredgewidth=2, label="baseline")
    axes.plot([], [], "o", color=AFTER, markersize=6, label="candidate")
    # Above the axes: inside, its two marks look like two more models.
    axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2, fontsize=9)


@plain_text
def draw_confusion_change(before: np.ndarray, after: np.ndarray, labels: Sequence[str], name: str) -> str:
    """How many more or fewer samples of a class get each answer.

    Args:
        before: The baseline's confusion matrix, counts (C, C); rows are the right classes.
        after: The candidate's.
        labels: Names of the classes.
        name: Unique in the page.
    Returns:
        An ``<svg>`` element.
    """
    from matplotlib.figure import Figure

    change = after - before
    moved = np.abs(change).sum(0) + np.abs(change).sum(1)
    shown = np.sort(np.argsort(-moved, kind="stable")[:_MOST_CLASSES])
    change, names = change[np.ix_(shown, shown)], [_short(labels[number]) for number in shown]
    side = 1.7 + 0.33 * len(names)
    with page_style(name):
        figure = Figure(figsize=(max(4.2, side + 0.6), max(3.6, side)), layout="constrained")
        axes = figure.subplots()
        _draw_cells(axes, change)
        axes.set_xticks(range(len(names)), names, rotation=90 if max(map(len, names)) > 3 else 0, fontsize=9)
        axes.set_yticks(range(len(names)), names, fontsize=9)
        axes.set(xlim=(-0.5, len(names) - 0.5), ylim=(len(names) - 0.5, -0.5), xlabel="answer", ylabel="right class")
        axes.set_aspect("equal")
        return inline_svg(figure, name, "Change of the confusion matrix, in samples")


def _draw_cells(axes: Any, change: np.ndarray) -> None:
    from matplotlib.patches import Rectangle

    largest = max(1, int(np.abs(change).max(initial=0)))
    for row, column in zip(*np.nonzero(change), strict=True):
        value = int(change[row, column])
        # More on the diagonal is good; more beside it is bad.
        color = GOOD if (value > 0) == (row == column) else BAD
        strength = 0.25 + 0.6 * abs(value) / largest
        axes.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, facecolor=color, alpha=strength, linewidth=0))
        axes.text(column, row, f"{value:+d}".replace("-", "−"), ha="center", va="center", fontsize=8)
    for line in range(len(change) + 1):
        axes.axhline(line - 0.5, color=FAINT, linewidth=0.4, alpha=0.5)
        axes.axvline(line - 0.5, color=FAINT, linewidth=0.4, alpha=0.5)


@plain_text
def draw_reliability(
    reference: Sequence[Sequence[float]], candidate: Sequence[Sequence[float]], name: str, *, before: str = "baseline"
) -> str:
    """How often answers of a confidence are right; on the diagonal, confidence can be believed.

    Args:
        reference: Its bins, each the number of samples, mean confidence and accuracy.
        candidate: The candidate's.
        name: Unique in the page.
        before: What the reference is called.
    Returns:
        An ``<svg>`` element.
    """
    from matplotlib.figure import Figure

    with page_style(name):
        figure = Figure(figsize=(4.4, 4.2), layout="constrained")
        axes, counts = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
        axes.plot([0, 1], [0, 1], color=FAINT, linestyle="--", linewidth=1)
        for bins, color, label, shift in ((reference, BEFORE, before, -0.011), (candidate, AFTER, "candidate", 0.011)):
            samples, confidence, accuracy = np.array(bins).reshape(-1, 3).T
            axes.plot(confidence, accuracy, "o-", color=color, markersize=4, linewidth=1.4, label=label)
            counts.bar(confidence + shift, samples, width=0.02, color=color, alpha=0.8)
        axes.set(ylabel="share that is right", xlim=(-0.03, 1.03), ylim=(-0.03, 1.03))
        axes.legend(loc="upper left", fontsize=9)
        counts.set(xlabel="confidence", ylabel="samples")
        counts.set_yscale("symlog")
        counts.yaxis.set_major_formatter("{x:.0f}")
        return inline_svg(figure, name, f"Reliability diagram, {before} and candidate")


def layer_noise_figures(layers: Sequence[LayerNoise], title: str, name: str) -> tuple[PageFigure, ...]:
    """The signal to added noise of each layer that has a tensor, worst on top; nothing if none has one.

    Args:
        layers: Worst first; the first 25 are drawn.
        title: Heading of the figure.
        name: Unique in the page.
    """
    shown = [layer for layer in layers if layer.added_snr_db is not None][:_MOST_LAYERS]
    if not shown:
        return ()
    caption = "Signal to the noise that each layer adds, given the .tflite's own inputs, worst on top; 6 dB are a bit."
    return (PageFigure(title, _draw_layer_noise(shown, name), caption),)


@plain_text
def _draw_layer_noise(shown: Sequence[LayerNoise], name: str) -> str:
    from matplotlib.figure import Figure

    with page_style(name):
        figure = Figure(figsize=(4.6, 1 + 0.24 * max(4, len(shown))), layout="constrained")
        axes = figure.subplots()
        bars = axes.barh(range(len(shown)), [layer.added_snr_db or 0.0 for layer in shown], color=AFTER, alpha=0.7)
        axes.bar_label(bars, [f"{layer.added_snr_db:.0f}" for layer in shown], fontsize=8, padding=3)
        axes.set_yticks(range(len(shown)), [_short(layer.layer) for layer in shown], fontsize=8)
        axes.margins(x=0.15)
        axes.invert_yaxis()
        axes.set_xlabel("dB")
        return inline_svg(figure, name, "Signal to added noise of each layer in decibels")


def _short(label: str) -> str:
    """A name that fits beside an axis, with nothing in it that cannot be drawn."""
    label = "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in label)
    return label if len(label) <= 14 else label[:13] + "…"
