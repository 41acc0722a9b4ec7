"""Draws the figures of a page: accuracy against size and latency, confusion change, reliability, noise of layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgekit.parity.layers.noise import LayerNoise
from edgekit.reports.figures.svg import AFTER, BAD, BEFORE, FAINT, GOOD, inline_svg, page_style
from edgekit.reports.figures.writing import plain_text
from edgekit.reports.html.page import PageFigure

#: More classes would be illegible; those whose predictions changed most are drawn.
_MOST_CLASSES = 20
_MOST_LAYERS = 25
#: Width of a figure in inches. It fits on a narrow phone without shrinking, so that its text keeps 11 px.
_WIDTH = 4.15
#: Longer names are shortened in the middle, because neighbouring names mostly differ at their ends.
_LONGEST_NAME = 20


@dataclass(frozen=True, slots=True)
class Point:
    """A model before or after the change.

    Attributes:
        size_bytes: File size in bytes.
        top1: Top-1 accuracy, a fraction.
        latency_ratio: Ratio of the latency to that of the reference model; None if it was not measured.
        passed: Whether no rule failed.
    """

    size_bytes: int
    top1: float
    latency_ratio: float | None
    passed: bool = True


@plain_text
def draw_against_size(models: Sequence[tuple[str, Point, Point | None]], name: str) -> str:
    """Draw accuracy against size.

    Args:
        models: Name, baseline, and candidate of each model; the candidate is None if it could not be run.
        name: Name of the figure, unique on the page.
    Returns:
        An ``<svg>`` element.
    """
    return _draw_plane(models, name, "size, kB", lambda point: point.size_bytes / 1000)


@plain_text
def draw_against_latency(models: Sequence[tuple[str, Point, Point | None]], name: str) -> str:
    """Draw accuracy against latency; for the arguments see ``draw_against_size``."""
    return _draw_plane(models, name, "latency, × the reference model", lambda point: point.latency_ratio)


def _draw_plane(
    models: Sequence[tuple[str, Point, Point | None]], name: str, xlabel: str, value: Callable[[Point], float | None]
) -> str:
    from matplotlib.figure import Figure

    with page_style(name):
        figure = Figure(figsize=(_WIDTH, 3.4), layout="constrained")
        axes = figure.subplots()
        _draw_panel(axes, models, value)
        # The axis starts at zero, so that half a percent of size does not look like a large step.
        axes.set(xlabel=xlabel, ylabel="top-1, %", xlim=(0, 1.25 * axes.dataLim.x1))
        _add_legend(axes, has_failed=any(after is not None and not after.passed for _, _, after in models))
        return inline_svg(figure, name, f"Top-1 accuracy against {xlabel}, baseline and candidate")


def _draw_panel(
    axes: Any, models: Sequence[tuple[str, Point, Point | None]], value: Callable[[Point], float | None]
) -> None:
    axes.grid(visible=True)
    known = [value(point) for _, *both in models for point in both if point is not None]
    rightmost = max((each for each in known if each is not None), default=1.0)
    for label, before, after in models:
        start = (value(before), 100 * before.top1)
        end = None if after is None else (value(after), 100 * after.top1)
        if start[0] is not None:
            axes.plot(*start, clip_on=False, **_RING)
        if after is not None and end is not None and end[0] is not None:
            axes.plot(*end, clip_on=False, **(_DOT if after.passed else _CROSS))
            if start[0] is not None and start != end:
                axes.annotate("", end, start, arrowprops={"arrowstyle": "->", "color": FAINT, "shrinkB": 4})
        place = end if end is not None and end[0] is not None else start
        if place[0] is not None:
            # The label is on the side with more room, because a long name must not shrink the axes.
            is_right = place[0] > 0.5 * rightmost
            side = {"xytext": (-8, 7), "ha": "right"} if is_right else {"xytext": (8, 7), "ha": "left"}
            axes.annotate(_short(label, 16), place, textcoords="offset points", in_layout=False, **side)
    axes.margins(y=0.25)
    # Accuracy is between 0 and 100 %.
    low, high = axes.get_ylim()
    axes.set_ylim(max(0.0, low), min(100.0, high))


#: Styles of the baseline, of a candidate that passed and of one that failed.
_RING: dict[str, Any] = {
    "marker": "o",
    "linestyle": "none",
    "color": BEFORE,
    "markersize": 10,
    "markerfacecolor": "none",
    "markeredgewidth": 2,
}
_DOT: dict[str, Any] = {"marker": "o", "linestyle": "none", "color": AFTER, "markersize": 6}
_CROSS: dict[str, Any] = {
    "marker": "X",
    "linestyle": "none",
    "color": BAD,
    "markersize": 9,
    "markeredgewidth": 0,
}


def _add_legend(axes: Any, *, has_failed: bool) -> None:
    axes.plot([], [], label="baseline", **_RING)
    axes.plot([], [], label="candidate", **_DOT)
    if has_failed:
        axes.plot([], [], label="failed", **_CROSS)
    # The legend is above the axes, because inside them its marks would look like more models.
    axes.figure.legend(loc="outside upper right", ncols=3, columnspacing=1, handletextpad=0.2)


@plain_text
def draw_confusion_change(before: np.ndarray, after: np.ndarray, labels: Sequence[str], name: str) -> str:
    """Draw the change of the confusion matrix in numbers of examples.

    Args:
        before: Confusion matrix of the baseline, counts (C, C); rows are the true classes.
        after: Confusion matrix of the candidate.
        labels: Class names.
        name: Name of the figure, unique on the page.
    Returns:
        An ``<svg>`` element.
    """
    from matplotlib.figure import Figure

    change = after - before
    moved = np.abs(change).sum(0) + np.abs(change).sum(1)
    shown = np.sort(np.argsort(-moved, kind="stable")[:_MOST_CLASSES])
    change, names = change[np.ix_(shown, shown)], [_short(labels[number]) for number in shown]
    side = 1.7 + 0.36 * len(names)
    with page_style(name):
        figure = Figure(figsize=(max(_WIDTH, side + 0.6), max(3.6, side)), layout="constrained")
        axes = figure.subplots()
        _draw_cells(axes, change)
        axes.set_xticks(range(len(names)), names, rotation=90 if max(map(len, names)) > 3 else 0)
        axes.set_yticks(range(len(names)), names)
        axes.set(
            xlim=(-0.5, len(names) - 0.5), ylim=(len(names) - 0.5, -0.5), xlabel="predicted class", ylabel="true class"
        )
        axes.set_aspect("equal")
        return inline_svg(figure, name, "Change of the confusion matrix, in samples")


def _draw_cells(axes: Any, change: np.ndarray) -> None:
    from matplotlib.patches import Rectangle

    largest = max(1, int(np.abs(change).max(initial=0)))
    for row, column in zip(*np.nonzero(change), strict=True):
        value = int(change[row, column])
        # An increase is good on the diagonal and bad elsewhere.
        color = GOOD if (value > 0) == (row == column) else BAD
        strength = 0.2 + 0.35 * abs(value) / largest
        axes.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, facecolor=color, alpha=strength, linewidth=0))
        axes.text(column, row, f"{value:+d}".replace("-", "−"), ha="center", va="center")
    for line in range(len(change) + 1):
        axes.axhline(line - 0.5, color=FAINT, linewidth=0.4, alpha=0.5)
        axes.axvline(line - 0.5, color=FAINT, linewidth=0.4, alpha=0.5)


@plain_text
def draw_reliability(
    reference: Sequence[Sequence[float]],
    candidate: Sequence[Sequence[float]],
    name: str,
    *,
    names: tuple[str, str] = ("baseline", "candidate"),
) -> str:
    """Draw the accuracy of predictions against their confidence; on the diagonal, the confidence is reliable.

    Args:
        reference: Bins of the reference, each with number of examples, mean confidence and accuracy.
        candidate: Bins of the candidate.
        name: Name of the figure, unique on the page.
        names: Names of the reference and the candidate in the legend.
    Returns:
        An ``<svg>`` element.
    """
    from matplotlib.figure import Figure

    drawn = [np.array(bins, np.float64).reshape(-1, 3) for bins in (reference, candidate)]
    intervals = [np.array([_wilson(samples, share) for samples, _, share in bins]).reshape(-1, 2) for bins in drawn]
    least = min(1.0, *(float(values.min(initial=1.0)) for values in (drawn[0][:, 1], drawn[1][:, 1], *intervals)))
    low = max(0.0, np.floor(10 * least) / 10)
    with page_style(name):
        figure = Figure(figsize=(_WIDTH, 3.6), layout="constrained")
        axes = figure.subplots()
        axes.plot([low, 1], [low, 1], color=FAINT, linestyle="--", linewidth=1)
        for bins, interval, style, label in zip(drawn, intervals, (_RING, _DOT), names, strict=True):
            _, confidence, accuracy = bins.T
            axes.vlines(confidence, *interval.T, color=style["color"], linewidth=1.4)
            axes.plot(
                confidence, accuracy, clip_on=False, label=_short(label), **{"marker": "o", "linestyle": "none"} | style
            )
        axes.grid(visible=True)
        axes.set(xlabel="confidence", ylabel="accuracy", xlim=(low, 1), ylim=(low, 1))
        axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2, columnspacing=1, handletextpad=0.2)
        return inline_svg(figure, name, f"Reliability diagram, {names[0]} and {names[1]}")


def reliability_caption(bins: Sequence[Sequence[float]]) -> str:
    """The caption of the reliability diagram, with the bin sizes of one of its models."""
    fewest, most = (int(choose(each[0] for each in bins)) for choose in (min, max))
    count = f"{fewest:,}" if fewest == most else f"{fewest:,} to {most:,}"
    return (
        f"Each mark: {count} predictions of nearly the same confidence, with the 95 % interval of their accuracy. "
        "On the dashed line, confidence is as good as it says; below it, the model is too sure."
    )


def _wilson(samples: float, share: float) -> tuple[float, float]:
    """The 95 % interval of a proportion (Wilson, 1927)."""
    z = 1.959964
    middle = (share + z**2 / (2 * samples)) / (1 + z**2 / samples)
    half = z / (1 + z**2 / samples) * np.sqrt(share * (1 - share) / samples + z**2 / (4 * samples**2))
    return float(middle - half), float(middle + half)


def layer_noise_figures(layers: Sequence[LayerNoise], title: str, name: str) -> tuple[PageFigure, ...]:
    """Draw the ratio of signal to added noise for each layer that has a tensor; empty if no layer has one.

    Args:
        layers: Layers, the worst first; the first 25 are drawn from top to bottom.
        title: Heading of the figure.
        name: Name of the figure, unique on the page.
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
        figure = Figure(figsize=(_WIDTH, 1 + 0.26 * max(4, len(shown))), layout="constrained")
        axes = figure.subplots()
        bars = axes.barh(range(len(shown)), [layer.added_snr_db or 0.0 for layer in shown], color=AFTER, alpha=0.7)
        axes.bar_label(bars, [f"{layer.added_snr_db:.0f}" for layer in shown], padding=3)
        axes.set_yticks(range(len(shown)), [_short(layer.layer) for layer in shown])
        axes.margins(x=0.18)
        axes.invert_yaxis()
        axes.set_xlabel("dB")
        return inline_svg(figure, name, "Signal to added noise of each layer in decibels")


def _short(label: str, longest: int = _LONGEST_NAME) -> str:
    """Shorten a name to fit next to an axis, and replace characters that cannot be drawn."""
    label = "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in label)
    half = longest // 2
    return label if len(label) <= longest else f"{label[: half - 1]}…{label[-half:]}"
