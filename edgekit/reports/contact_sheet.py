"""A sheet of the images that changed their answer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edgekit.parity.results import ChangedSample
from edgekit.reports.figures.writing import plain_text, save_figure
from edgekit_runtime.errors import DataError

_COLUMNS, _MOST_ROWS = 8, 6
#: Longer names of classes would run into the next image.
_LONGEST_LABEL, _LONGEST_TITLE = 12, 120


@plain_text
def draw_changed(samples: Sequence[ChangedSample], changed: int, title: str, path: Path) -> None:
    """Draw up to 48 images, each with what it is and what it was taken for before and after.

    Args:
        samples: The examples, the most telling first.
        changed: How many changed in all.
        title: What was compared.
        path: PNG to write.
    Raises:
        DataError: The examples are no images.
    """
    from matplotlib.figure import Figure

    shown = [sample for sample in samples if sample.pixels is not None][: _COLUMNS * _MOST_ROWS]
    if samples and not shown:
        raise DataError(
            "The examples that changed their answer are no images.",
            expected="a model with an input (N, height, width, 1 or 3)",
            next_step="leave --changed out; --json names the examples",
        )
    rows = max(1, -(-len(shown) // _COLUMNS))
    figure = Figure(figsize=(11, 0.8 + 1.75 * rows), layout="constrained")
    for number, axes in enumerate(figure.subplots(rows, _COLUMNS, squeeze=False).flat):
        axes.axis("off")
        if number < len(shown):
            sample = shown[number]
            assert sample.pixels is not None
            axes.imshow(sample.pixels.squeeze(), cmap="gray", vmin=0, vmax=255)
            axes.set_title(_caption(sample), fontsize=8, color=_color(sample))
    more = f", {len(shown)} of them" if changed > len(shown) else ""
    figure.suptitle(
        f"{_short(title, _LONGEST_TITLE)}\n{changed:,} changed their answer{more}; "
        "red: right before, green: right after, grey: neither",
        fontsize=10,
    )
    save_figure(figure, path)


def _caption(sample: ChangedSample) -> str:
    change = f"{_short(sample.reference)} → {_short(sample.candidate)}"
    return change if sample.truth is None else f"is {_short(sample.truth)}\n{change}"


def _short(text: str, longest: int = _LONGEST_LABEL) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"


def _color(sample: ChangedSample) -> str:
    if sample.truth == sample.reference:
        return "tab:red"
    return "tab:green" if sample.truth == sample.candidate else "dimgrey"
