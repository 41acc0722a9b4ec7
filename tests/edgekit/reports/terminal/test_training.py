"""The figures of a training: what stands on their axes, and that the same training gives the same file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edgekit.reports.terminal import training
from edgekit.reports.terminal.training import draw_confusion, draw_history

HISTORY = {"loss": [2.0, 1.0, 0.5], "accuracy": [0.3, 0.6, 0.9]}


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The figures that are drawn, kept on their way to the file."""
    figures: list[Any] = []
    save = training.write_figure
    monkeypatch.setattr(training, "write_figure", lambda figure, path: (figures.append(figure), save(figure, path)))
    return figures


def test_the_history_shows_every_epoch_and_the_held_back_accuracy(drawn: list[Any], tmp_path: Path) -> None:
    draw_history(HISTORY | {"val_loss": [3.0, 2.0, 1.0], "val_accuracy": [0.2, 0.4, 0.8]}, 0.95, tmp_path / "a.png")
    loss, accuracy = drawn[0].axes
    assert [list(line.get_ydata()) for line in loss.lines] == [[2.0, 1.0, 0.5], [3.0, 2.0, 1.0]]
    assert list(loss.lines[0].get_xdata()) == [1, 2, 3]
    assert list(accuracy.lines[0].get_ydata()) == pytest.approx([30, 60, 90])
    assert list(accuracy.lines[2].get_ydata()) == [95, 95]
    labels = [text.get_text() for text in accuracy.get_legend().get_texts()]
    assert labels == ["while learning", "kept aside", "held back, in the end: 95.00 %"]


def test_the_confusion_matrix_shows_counts_and_names(drawn: list[Any], tmp_path: Path) -> None:
    draw_confusion(np.array([[8, 2], [0, 10]]), ("cat", "dog"), 0.9, tmp_path / "a.png")
    [axes] = drawn[0].axes
    # Column, row and count; zeros are left out.
    assert [(*text.get_position(), text.get_text()) for text in axes.texts] == [(0, 0, "8"), (1, 0, "2"), (1, 1, "10")]
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["cat", "dog"]
    assert axes.images[0].get_array().tolist() == [[0.8, 0.2], [0, 1]]
    assert axes.get_title() == "20 held-back examples, 90.00 % right"


def test_a_class_without_examples_and_many_classes_are_drawn_too(tmp_path: Path) -> None:
    confusion = np.diag(np.arange(40))
    draw_confusion(confusion, tuple(map(str, range(40))), 1.0, tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as image:
        # 14 inches at 150 dots each.
        assert image.size == (2100, 2100)


def test_the_same_training_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        draw_history(HISTORY, 0.95, tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
