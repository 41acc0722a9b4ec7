"""Prints the boxes or masks that were found in images, as a table or as CSV."""

from __future__ import annotations

import csv
import sys

from edgekit.localization import Localizations
from edgekit.reports.terminal.predictions import print_unreadable
from edgekit.reports.terminal.tables import print_table


def print_localizations(model_name: str, found: Localizations) -> None:
    """Print a table of boxes, or of the share of each class; unreadable images go to stderr."""
    if found.boxes:
        rows = [
            (image, each.label, f"{each.score:.3f}", ", ".join(f"{edge:.0f}" for edge in each.box))
            for image, detections in found.boxes.items()
            for each in detections
        ]
        nothing = [(image, "nothing found", "", "") for image, detections in found.boxes.items() if not detections]
        columns = ("image", "label", "score", "x_min, y_min, x_max, y_max")
        print_table(f"{model_name}: boxes in pixels", columns, [*rows, *nothing])
    elif found.areas:
        areas = [
            (image, ", ".join(f"{label} {pixels / sum(own.values()):.1%}" for label, pixels in own.items()))
            for image, own in found.areas.items()
        ]
        print_table(f"{model_name}: share of each class", ("image", "classes"), areas)
    print_unreadable(found.unreadable, len(found.sizes))


def print_localizations_csv(found: Localizations) -> None:
    """Print one line per box or per class of an image; unreadable images go to stderr."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    if found.areas:
        writer.writerow(("image", "label", "pixels"))
        for image, areas in found.areas.items():
            writer.writerows((image, label, pixels) for label, pixels in areas.items())
    else:
        writer.writerow(("image", "label", "score", "x_min", "y_min", "x_max", "y_max"))
        for image, detections in found.boxes.items():
            writer.writerows((image, each.label, each.score, *each.box) for each in detections)
    print_unreadable(found.unreadable, len(found.sizes))
