"""Draws the figures of the demo: size, latency and accuracy of the variants, and digits with both predictions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgekit.reports.figures.names import model_name
from edgekit.reports.figures.palette import LIGHT
from edgekit.reports.figures.writing import plain_text, save_figure


@dataclass(frozen=True, slots=True)
class VariantPoint:
    """The values of one variant in the figure.

    Attributes:
        name: Quantization mode.
        size_bytes: File size in bytes.
        top1: Top-1 accuracy, a fraction.
        p50_ms: Median latency in milliseconds.
    """

    name: str
    size_bytes: int
    top1: float
    p50_ms: float


@plain_text
def draw_tradeoff(points: Sequence[VariantPoint], keras_top1: float, winner: str, path: Path) -> None:
    """Draw size, latency and top-1 accuracy of the variants side by side.

    Args:
        points: Variants, drawn from top to bottom.
        keras_top1: Top-1 accuracy of the Keras model, a fraction, drawn as a line.
        winner: Name of the variant to highlight.
        path: Path of the PNG to write.
    """
    from matplotlib.figure import Figure

    names = [model_name(point.name) + (" (selected)" if point.name == winner else "") for point in points]
    colors = [LIGHT["after" if point.name == winner else "before"] for point in points]
    figure = Figure(figsize=(9, 3.2), layout="constrained")
    size, latency, top1 = figure.subplots(1, 3, sharey=True)
    _draw_bars(size, names, [point.size_bytes / 1000 for point in points], colors, "{:.0f}")
    size.set_xlabel("size, kB")
    _draw_bars(latency, names, [1000 * point.p50_ms for point in points], colors, "{:.0f}")
    latency.set_xlabel("median latency here, µs")
    # Accuracies are drawn as marks: they differ by a percent, and bars that do not start at zero would mislead.
    for name, point, color in zip(names, points, colors, strict=True):
        top1.plot(100 * point.top1, name, "o", color=color, markersize=9, clip_on=False)
        top1.annotate(
            f"{100 * point.top1:.2f}", (100 * point.top1, name), xytext=(-9, 0), textcoords="offset points",
            ha="right", va="center",
        )  # fmt: skip
    top1.axvline(100 * keras_top1, color=LIGHT["faint"], linestyle="--", linewidth=1)
    top1.set_xlim(max(0.0, 100 * min([keras_top1, *(point.top1 for point in points)]) - 2), 100)
    top1.spines[["top", "right"]].set_visible(False)
    top1.set_xlabel("top-1, % (dashed: Keras)")
    size.invert_yaxis()
    figure.suptitle("Four variants of one model")
    save_figure(figure, path)


def _draw_bars(axes: Any, names: Sequence[str], values: Sequence[float], colors: Sequence[str], form: str) -> None:
    bars = axes.barh(names, values, color=colors)
    axes.bar_label(bars, [form.format(value) for value in values], padding=3)
    axes.margins(x=0.2)
    axes.spines[["top", "right"]].set_visible(False)


@plain_text
def draw_answers(
    images: np.ndarray,
    *,
    truth: Sequence[str],
    keras: Sequence[str],
    tflite: Sequence[str],
    variant: str,
    path: Path,
) -> None:
    """Draw some images with the predictions of both models.

    Args:
        images: Images, uint8 (N, H, W, 1) or (N, H, W, 3); the first twelve are drawn.
        truth: True label of each image.
        keras: Label predicted by the Keras model for each image.
        tflite: Label predicted by the converted model for each image.
        variant: Name of the converted model.
        path: Path of the PNG to write.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 5.2), layout="constrained")
    for number, axes in enumerate(figure.subplots(3, 4).flat):
        axes.axis("off")
        if number >= len(images):
            continue
        axes.imshow(images[number].squeeze(), cmap="gray")
        differs = keras[number] != tflite[number]
        axes.set_title(
            f"is {truth[number]}: Keras {keras[number]}, {variant} {tflite[number]}",
            fontsize=9,
            color=LIGHT["bad" if differs else "text"],
            fontweight="bold" if differs else "normal",
        )
    figure.suptitle("Held-back digits, first those that Keras gets wrong; bold and red: the models differ")
    save_figure(figure, path)
