"""Collects the examples whose predicted class changed, with small images, for a report."""

from __future__ import annotations

import base64
import io

import numpy as np

from edgekit.datasets.streams import ExampleStream
from edgekit.regression.predictions import ClassPredictions
from edgekit.reports.html.page import ChangedAnswer

#: Maximum number of examples in a report, and maximum total size of their images.
MOST_SAMPLES, MOST_BYTES = 24, 600_000
_LARGEST_SIDE = 96
_BATCH = 256


def changed_predictions(
    stream: ExampleStream, baseline: ClassPredictions, candidate: ClassPredictions, labels: tuple[str, ...]
) -> tuple[ChangedAnswer, ...]:
    """At most 24 examples whose predicted class changed; those that became wrong come first.

    Args:
        stream: Data of both predictions; it is read again, up to the last of these examples.
        baseline: Predictions of the baseline.
        candidate: Predictions of the candidate.
        labels: Class names; classes without a name are shown by their index.
    """
    kinds = _kinds(baseline, candidate)
    order = [kind for kind in ("lost", "changed", "won") if kind in kinds.values()]
    chosen = sorted(kinds, key=lambda row: (order.index(kinds[row]), row))[:MOST_SAMPLES]
    found = _read(stream, set(chosen))
    room, predictions = MOST_BYTES, []
    for row in chosen:
        name, values = found[row]
        image = as_data_url(values)
        room -= len(image)
        predictions.append(
            ChangedAnswer(
                name=name,
                truth="" if candidate.true_classes is None else _label(int(candidate.true_classes[row]), labels),
                before=_label(int(baseline.predicted[row]), labels),
                after=_label(int(candidate.predicted[row]), labels),
                kind=kinds[row],
                image=image if room >= 0 else "",
            )
        )
    return tuple(predictions)


def _kinds(baseline: ClassPredictions, candidate: ClassPredictions) -> dict[int, str]:
    """The kind of change for each row whose predicted class changed: lost, won or changed."""
    rows = np.flatnonzero(baseline.predicted != candidate.predicted)
    if candidate.true_classes is None:
        return {int(row): "changed" for row in rows}
    was_right, is_right = baseline.right, candidate.right
    return {int(row): "lost" if was_right[row] else "won" if is_right[row] else "changed" for row in rows}


def _read(stream: ExampleStream, rows: set[int]) -> dict[int, tuple[str, np.ndarray]]:
    """Read the name and the first input of some rows."""
    found: dict[int, tuple[str, np.ndarray]] = {}
    start = 0
    for batch in stream.batches(_BATCH) if rows else ():
        values = next(iter(batch.inputs.values()))
        for row in range(len(batch)):
            if start + row in rows:
                found[start + row] = batch.names[row], values[row].copy()
        start += len(batch)
        if len(found) == len(rows):
            break
    return found


def as_data_url(values: np.ndarray) -> str:
    """Encode values (H, W) or (H, W, 1 or 3) as a small image with full contrast; empty for other shapes."""
    from PIL import Image

    if values.ndim == 2:
        values = values[..., np.newaxis]
    if values.ndim != 3 or values.shape[2] not in (1, 3) or min(values.shape[:2]) < 4:
        return ""
    low, high = float(values.min()), float(values.max())
    pixels = ((values - low) * (255 / (high - low if high > low else 1))).astype(np.uint8)
    image = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
    image.thumbnail((_LARGEST_SIDE, _LARGEST_SIDE))
    buffer = io.BytesIO()
    if pixels.shape[2] == 1:
        image.save(buffer, "PNG", optimize=True)
    else:
        image.save(buffer, "JPEG", quality=80)
    kind = "png" if pixels.shape[2] == 1 else "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(buffer.getvalue()).decode()}"


def _label(number: int, labels: tuple[str, ...]) -> str:
    return labels[number] if number < len(labels) else str(number)
