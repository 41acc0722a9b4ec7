"""What a model says of images, as text."""

from __future__ import annotations

import sys

from edgekit.prediction import Predictions
from edgekit.reports.tables import print_table
from edgekit_runtime.printable_text import one_line


def print_predictions(model_name: str, predictions: Predictions) -> None:
    """Print a table of labels and scores, and to stderr each image that could not be read, with the reason."""
    rows = [
        (image, *(f"{entry.label} {entry.score:.3f}" for entry in entries))
        for image, entries in predictions.answers.items()
    ]
    if rows:
        columns = ("image", "answer", *(f"{place}." for place in range(2, len(rows[0]))))
        print_table(f"{model_name}: label and score", columns, rows)
    if predictions.unreadable:
        count = len(predictions.unreadable)
        print(f"{count} of {count + len(rows)} images could not be read:", file=sys.stderr)
        for error in predictions.unreadable.values():
            print(f"  {one_line(error.problem)}", file=sys.stderr)
