"""The demo's two figures: the variants' size, latency and accuracy, and digits with both models' answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgekit.reports.figures.writing import plain_text, save_figure


@dataclass(frozen=True, slots=True)
class VariantPoint:
    """One variant's place in the figure.

    Attributes:
        name: The mode.
        size_bytes: Size of the file.
        top1: Top-1 accuracy, a fraction.
        p50_ms: Median latency.
    """

    name: str
    size_bytes: int
    top1: float
    p50_ms: float


@plain_text
def draw_tradeoff(points: Sequence[VariantPoint], keras_top1: float, winner: str, path: Path) -> None:
    """Draw size, latency and top-1 of the variants side by side.

    Args:
        points: The variants, drawn from top to bottom.
        keras_top1: Top-1 of the Keras model, drawn as a line.
        winner: Name of the variant to point out.
        path: PNG to write.
    """
    from matplotlib.figure import Figure

    names = [point.name for point in points]
    colors = ["tab:green" if name == winner else "tab:blue" for name in names]
    figure = Figure(figsize=(9, 3.2), layout="constrained")
    size, latency, top1 = figure.subplots(1, 3, sharey=True)
    _draw_bars(size, names, [point.size_bytes / 1000 for point in points], colors, "{:.0f}")
    size.set_xlabel("size, kB")
    _draw_bars(latency, names, [1000 * point.p50_ms for point in points], colors, "{:.0f}")
    latency.set_xlabel("median latency here, µs")
    _draw_bars(top1, names, [100 * point.top1 for point in points], colors, "{:.2f}")
    top1.axvline(100 * keras_top1, color="0.3", linestyle="--", linewidth=1)
    # Accuracies differ in the last percent: this axis does not start at zero, and says so.
    top1.set_xlim(100 * min([keras_top1, *(point.top1 for point in points)]) - 2, 100.8)
    top1.set_xlabel("top-1, % (dashed: Keras; axis cut)")
    size.invert_yaxis()
    figure.suptitle(f"Four variants of one model; green: taken ({winner})")
    save_figure(figure, path)


def _draw_bars(axes: Any, names: Sequence[str], values: Sequence[float], colors: Sequence[str], form: str) -> None:
    bars = axes.barh(names, values, color=colors, alpha=0.6)
    axes.bar_label(bars, [form.format(value) for value in values], label_type="center", fontsize=9)
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
    """Draw some images with the answers of both models.

    Args:
        images: uint8 (N, H, W, 1) or (N, H, W, 3); the first twelve are drawn.
        truth: The right label of each.
        keras: The Keras model's answers.
        tflite: The converted model's answers.
        variant: Name of the converted model.
        path: PNG to write.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 5.2), layout="constrained")
    for number, axes in enumerate(figure.subplots(3, 4).flat):
        axes.axis("off")
        if number >= len(images):
            continue
        axes.imshow(images[number].squeeze(), cmap="gray")
        right = truth[number] == keras[number] == tflite[number]
        axes.set_title(
            f"is {truth[number]}: Keras {keras[number]}, {variant} {tflite[number]}",
            fontsize=9,
            color="black" if right else "tab:red",
        )
    figure.suptitle("Held-back digits and what both models say (red: not all agree)")
    save_figure(figure, path)
