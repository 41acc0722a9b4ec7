"""Draws sheets of images: images whose prediction changed, or images with their predicted labels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edgekit.counting import percent
from edgekit.prediction import Predictions
from edgekit.reports.figures.palette import LIGHT
from edgekit.reports.figures.writing import plain_text, save_figure
from edgekit_runtime.errors import DataError
from edgekit_runtime.printable_text import one_line

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from edgekit.parity.results import ChangedExample

_COLUMNS, _MOST_ROWS = 8, 6
#: Maximum number of images on a sheet.
MOST_IMAGES = _COLUMNS * _MOST_ROWS
#: Longer class names would overlap the next image.
_LONGEST_LABEL, _LONGEST_TITLE = 12, 120


@plain_text
def draw_changed(samples: Sequence[ChangedExample], changed: int, title: str, path: Path) -> None:
    """Draw up to 48 images, each with its true class and the classes predicted before and after.

    Args:
        samples: Changed examples, the most informative first.
        changed: Total number of changed examples.
        title: Title that names the compared models.
        path: Path of the PNG to write.
    Raises:
        DataError: The examples are not images.
    """
    shown = [sample for sample in samples if sample.pixels is not None][:MOST_IMAGES]
    if samples and not shown:
        raise DataError(
            "The examples whose prediction changed are not images.",
            expected="a model with an input (N, height, width, 1 or 3)",
            next_step="leave --changed out; --json names the examples",
        )
    images = [sample.pixels for sample in shown if sample.pixels is not None]
    figure = _sheet(images, [_caption(sample) for sample in shown], [_color(sample) for sample in shown])
    more = f", {len(shown)} of them" if changed > len(shown) else ""
    figure.suptitle(
        f"{_short(title, _LONGEST_TITLE)}\n{changed:,} predictions changed{more}; "
        "red: right before, blue: right after, grey: neither",
        fontsize=10,
    )
    save_figure(figure, path)


@plain_text
def draw_predictions(predictions: Predictions, title: str, path: Path) -> None:
    """Draw the images that have thumbnails, each with its best label and score.

    Args:
        predictions: Labels and scores by image.
        title: Title that names the model.
        path: Path of the PNG to write.
    """
    best = {image: predictions.answers[image][0] for image in predictions.thumbnails}
    captions = [
        f"{_short(one_line(Path(image).name), 20)}\n{_short(top.label)}: {percent(top.score)}"
        for image, top in best.items()
    ]
    figure = _sheet(list(predictions.thumbnails.values()), captions, ["black"] * len(captions))
    shown, of_all = len(captions), len(predictions.answers)
    more = f", the first {shown} of {of_all:,} images" if of_all > shown else ""
    figure.suptitle(f"{_short(title, _LONGEST_TITLE)}: label and score{more}", fontsize=10)
    save_figure(figure, path)


def _sheet(images: Sequence[np.ndarray], captions: Sequence[str], colors: Sequence[str]) -> Figure:
    from matplotlib.figure import Figure

    rows = max(1, -(-len(images) // _COLUMNS))
    figure = Figure(figsize=(11, 0.8 + 1.75 * rows), layout="constrained")
    for number, axes in enumerate(figure.subplots(rows, _COLUMNS, squeeze=False).flat):
        axes.axis("off")
        if number < len(images):
            axes.imshow(images[number].squeeze(), cmap="gray", vmin=0, vmax=255)
            axes.set_title(captions[number], fontsize=8, color=colors[number])
    return figure


def _caption(sample: ChangedExample) -> str:
    change = f"{_short(sample.reference)} → {_short(sample.candidate)}"
    return change if sample.truth is None else f"is {_short(sample.truth)}\n{change}"


def _short(text: str, longest: int = _LONGEST_LABEL) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"


def _color(sample: ChangedExample) -> str:
    if sample.truth == sample.reference:
        return LIGHT["bad"]
    return LIGHT["good"] if sample.truth == sample.candidate else LIGHT["muted"]
