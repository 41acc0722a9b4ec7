"""Shows the result of a training: a table, the learning curves and the confusion matrix."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from edgekit.counting import counted, percent
from edgekit.reports.figures.palette import LIGHT
from edgekit.reports.figures.writing import plain_text, write_figure
from edgekit.reports.terminal.tables import print_table


def print_training(*, train_count: int, test_count: int, test_accuracy: float, epochs: int, folder: Path) -> None:
    """Print the numbers of examples and the accuracy.

    Args:
        train_count: Number of training examples.
        test_count: Number of held-back examples.
        test_accuracy: Accuracy on the held-back examples, a fraction.
        epochs: Number of completed epochs.
        folder: Folder of the files.
    """
    rows = [
        ("images learned from", f"{train_count:,}"),
        ("images held back", f"{test_count:,}"),
        ("accuracy on these", percent(test_accuracy)),
        ("epochs", str(epochs)),
        ("files in", str(folder)),
    ]
    print_table("The reference CNN", (), rows)


@plain_text
def draw_history(history: dict[str, list[float]], test_accuracy: float, path: Path) -> None:
    """Draw loss and accuracy over the epochs.

    Args:
        history: ``loss`` and ``accuracy``, and optionally ``val_loss`` and ``val_accuracy``, one value per epoch.
        test_accuracy: Final accuracy on the held-back examples, a fraction, which is drawn as a line.
        path: Path of the PNG to write.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(9, 3.4), layout="constrained")
    loss, accuracy = figure.subplots(1, 2)
    epochs = range(1, len(history["loss"]) + 1)
    for axes, name, scale in ((loss, "loss", 1), (accuracy, "accuracy", 100)):
        # Augmentation and dropout make the examples harder during training, hence the label.
        axes.plot(
            epochs,
            [scale * value for value in history[name]],
            "o-",
            color=LIGHT["before"],
            markersize=4,
            clip_on=False,
            label="while learning",
        )
        if f"val_{name}" in history:
            axes.plot(
                epochs,
                [scale * value for value in history[f"val_{name}"]],
                "s-",
                color=LIGHT["after"],
                markersize=4,
                clip_on=False,
                label="kept aside",
            )
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_xlim(0, len(epochs) + 1)
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    loss.set_ylabel("cross-entropy")
    loss.set_ylim(bottom=0)
    accuracy.axhline(
        100 * test_accuracy,
        color=LIGHT["good"],
        linestyle="--",
        label=f"held back, in the end: {100 * test_accuracy:.2f} %",
    )
    accuracy.set_ylabel("accuracy, %")
    accuracy.set_ylim(0, 100)
    accuracy.legend(loc="lower right")
    figure.suptitle("The training, epoch by epoch")
    write_figure(figure, path)


@plain_text
def draw_confusion(confusion: np.ndarray, labels: Sequence[str], accuracy: float, path: Path) -> None:
    """Draw the confusion matrix of the held-back examples.

    Args:
        confusion: Number of examples of class i (row) predicted as class j (column).
        labels: Class names.
        accuracy: Accuracy, a fraction.
        path: Path of the PNG to write.
    """
    from matplotlib.figure import Figure

    size = min(3.5 + 0.42 * len(labels), 14)
    figure = Figure(figsize=(size, size), layout="constrained")
    axes = figure.add_subplot()
    shares = confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    if len(labels) <= 30:
        for (row, column), count in np.ndenumerate(confusion):
            if count:
                color = "white" if shares[row, column] > 0.5 else "black"
                axes.text(column, row, str(count), ha="center", va="center", fontsize=8, color=color)
        axes.set_xticks(range(len(labels)), labels, rotation=45 if max(map(len, labels)) > 3 else 0, ha="center")
        axes.set_yticks(range(len(labels)), labels)
    axes.set_xlabel("predicted class")
    axes.set_ylabel("true class")
    axes.set_title(f"{counted(int(confusion.sum()), 'held-back example')}, {100 * accuracy:.2f} % right")
    write_figure(figure, path)
