"""Reads the record that a training writes next to its model, for the commands that follow."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from edgekit_runtime.errors import UsageError
from edgekit_runtime.inputs.preprocessing import Preprocessing

RECORD_NAME = "training.json"


@dataclass(frozen=True, slots=True)
class TrainingRecord:
    """Facts about a trained model; empty unless the record was written for exactly this file.

    Attributes:
        labels: Class names.
        preprocessing: Preprocessing of the images in training.
        note: A sentence if the record was written for another file of this name.
    """

    labels: tuple[str, ...] = ()
    preprocessing: Preprocessing | None = None
    note: str = ""


def read_training_record(model: Path, sha256: str) -> TrainingRecord:
    """Read ``training.json`` next to a Keras file.

    Args:
        model: Path of the Keras file.
        sha256: SHA-256 of the bytes that were read from it.
    """
    record = model.parent / RECORD_NAME
    if not (model.is_file() and record.is_file()):
        return TrainingRecord()
    try:
        content = json.loads(record.read_text(encoding="utf-8"))
        known = content["models"].get(model.name)
        if isinstance(known, str) and known != sha256:
            return TrainingRecord(
                note=f"{RECORD_NAME} belongs to another {model.name}: its labels and pixel range are not used. Train "
                "again, or pass --labels and --pixel-range."
            )
        if known is None:
            return TrainingRecord()
        labels = tuple(str(label) for label in content["labels"])
        return TrainingRecord(labels, Preprocessing.from_dict(content["preprocessing"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, UsageError):
        # The file was written by another program or an older version.
        return TrainingRecord()
