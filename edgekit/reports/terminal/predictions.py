"""Prints the predicted labels of images and texts as a table or as CSV."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Mapping

from edgekit.prediction import Predictions, TextPredictions
from edgekit.reports.terminal.tables import print_table
from edgekit_runtime.classification import LabelScore
from edgekit_runtime.errors import DataError
from edgekit_runtime.printable_text import one_line

#: Number of characters of a text in a table.
_LONGEST = 60


def print_predictions(model_name: str, predictions: Predictions) -> None:
    """Print a table of labels and scores, and print unreadable images with the reasons to stderr."""
    _print_table(model_name, "image", predictions.answers.items())
    _print_notes(predictions)


def print_text_predictions(model_name: str, predictions: TextPredictions) -> None:
    """Print a table of labels and scores; long texts are cut."""
    texts = ((text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…", found) for text, found in predictions.answers)
    _print_table(model_name, "text", texts)


def _print_table(model_name: str, what: str, answers: Iterable[tuple[str, tuple[LabelScore, ...]]]) -> None:
    rows = [(name, *(f"{entry.label} {entry.score:.3f}" for entry in entries)) for name, entries in answers]
    if rows:
        columns = (what, "answer", *(f"{place}." for place in range(2, len(rows[0]))))
        print_table(f"{model_name}: label and score", columns, rows)


def print_predictions_csv(predictions: Predictions) -> None:
    """Print one line per label, ``image,rank,label,score``; unreadable images are printed to stderr."""
    _print_csv("image", predictions.answers.items())
    _print_notes(predictions)


def print_text_predictions_csv(predictions: TextPredictions) -> None:
    """Print one line per label, ``text,rank,label,score``."""
    _print_csv("text", predictions.answers)


def _print_csv(what: str, answers: Iterable[tuple[str, tuple[LabelScore, ...]]]) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow((what, "rank", "label", "score"))
    for name, entries in answers:
        writer.writerows((name, rank, entry.label, entry.score) for rank, entry in enumerate(entries, start=1))


def _print_notes(predictions: Predictions) -> None:
    if predictions.transparent:
        have, of_all = len(predictions.transparent), len(predictions.answers)
        parts = f"{have} of {of_all} images have transparent parts" if of_all > 1 else "The image has transparent parts"
        print(f"{parts}, which count as white.", file=sys.stderr)
    print_unreadable(predictions.unreadable, len(predictions.answers))


def print_unreadable(unreadable: Mapping[str, DataError], read: int) -> None:
    """Print the images that could not be read, with the reasons, to stderr; ``read`` others could be."""
    if not unreadable:
        return
    count = len(unreadable)
    print(f"{count} of {count + read} images could not be read:", file=sys.stderr)
    for error in unreadable.values():
        advice = f" Next step: {error.next_step}." if error.next_step else ""
        print(f"  {one_line(error.problem)}{one_line(advice)}", file=sys.stderr)
