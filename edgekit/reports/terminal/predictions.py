"""Prints the predicted labels of images as a table or as CSV."""

from __future__ import annotations

import csv
import sys

from edgekit.prediction import Predictions
from edgekit.reports.terminal.tables import print_table
from edgekit_runtime.printable_text import one_line


def print_predictions(model_name: str, predictions: Predictions) -> None:
    """Print a table of labels and scores, and print unreadable images with the reasons to stderr."""
    rows = [
        (image, *(f"{entry.label} {entry.score:.3f}" for entry in entries))
        for image, entries in predictions.answers.items()
    ]
    if rows:
        columns = ("image", "answer", *(f"{place}." for place in range(2, len(rows[0]))))
        print_table(f"{model_name}: label and score", columns, rows)
    _print_notes(predictions)


def print_predictions_csv(predictions: Predictions) -> None:
    """Print one line per label, ``image,rank,label,score``; unreadable images are printed to stderr."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(("image", "rank", "label", "score"))
    for image, entries in predictions.answers.items():
        writer.writerows((image, rank, entry.label, entry.score) for rank, entry in enumerate(entries, start=1))
    _print_notes(predictions)


def _print_notes(predictions: Predictions) -> None:
    if predictions.transparent:
        have, of_all = len(predictions.transparent), len(predictions.answers)
        parts = f"{have} of {of_all} images have transparent parts" if of_all > 1 else "The image has transparent parts"
        print(f"{parts}, which count as white.", file=sys.stderr)
    if not predictions.unreadable:
        return
    count = len(predictions.unreadable)
    print(f"{count} of {count + len(predictions.answers)} images could not be read:", file=sys.stderr)
    for error in predictions.unreadable.values():
        advice = f" Next step: {error.next_step}." if error.next_step else ""
        print(f"  {one_line(error.problem)}{one_line(advice)}", file=sys.stderr)
