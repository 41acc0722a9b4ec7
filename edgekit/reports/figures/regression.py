"""Draws the figures of regression models: predicted against true values, and the distribution of errors."""

from __future__ import annotations

from typing import Any

import numpy as np

from edgekit.parity.results import RegressionSample
from edgekit.reports.figures.svg import AFTER, BEFORE, FAINT, inline_svg, page_style
from edgekit.reports.figures.writing import plain_text
from edgekit.reports.html.page import PageFigure

_FIGURE_SIZE = (4.15, 3.6)
#: Number of bins of the distribution of errors.
_BINS = 24


def regression_figures(sample: RegressionSample, name: str) -> tuple[PageFigure, ...]:
    """A scatter plot of predicted against true values, and the distribution of the errors of both models.

    Args:
        sample: Values to draw.
        name: Prefix of the figures' names, unique on the page.
    """
    count = len(sample.ground_truth)
    return (
        PageFigure(
            "Predicted against true",
            _draw_predictions(sample, f"{name}-predictions"),
            f"{count:,} values; on the dashed line a prediction is right. Rings: before, dots: after.",
        ),
        PageFigure(
            "Errors",
            _draw_errors(sample, f"{name}-errors"),
            "Predicted minus true value; the nearer to 0, the better.",
        ),
    )


@plain_text
def _draw_predictions(sample: RegressionSample, name: str) -> str:
    from matplotlib.figure import Figure

    with page_style(name):
        figure = Figure(figsize=_FIGURE_SIZE, layout="constrained")
        axes = figure.subplots()
        everything = np.concatenate([sample.ground_truth, sample.reference, sample.candidate])
        low, high = float(everything.min()), float(everything.max())
        axes.plot([low, high], [low, high], color=FAINT, linestyle="--", linewidth=1)
        axes.plot(
            sample.ground_truth,
            sample.reference,
            "o",
            color=BEFORE,
            markersize=5,
            markerfacecolor="none",
            label="before",
        )
        axes.plot(sample.ground_truth, sample.candidate, "o", color=AFTER, markersize=2.5, label="after")
        axes.grid(visible=True)
        axes.set(xlabel="true value", ylabel="predicted value")
        _add_legend(axes)
        return inline_svg(figure, name, "Predicted against true values, before and after")


@plain_text
def _draw_errors(sample: RegressionSample, name: str) -> str:
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    errors = [predicted - sample.ground_truth for predicted in (sample.reference, sample.candidate)]
    edges = np.histogram_bin_edges(np.concatenate(errors), _BINS)
    with page_style(name):
        figure = Figure(figsize=_FIGURE_SIZE, layout="constrained")
        axes = figure.subplots()
        axes.axvline(0, color=FAINT, linestyle="--", linewidth=1)
        axes.stairs(np.histogram(errors[0], edges)[0], edges, color=BEFORE, linewidth=2.4, label="before")
        axes.stairs(np.histogram(errors[1], edges)[0], edges, color=AFTER, linewidth=1.4, label="after")
        axes.set(xlabel="predicted minus true value", ylabel="values")
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))
        _add_legend(axes)
        return inline_svg(figure, name, "Distribution of the errors, before and after")


def _add_legend(axes: Any) -> None:
    axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2)
