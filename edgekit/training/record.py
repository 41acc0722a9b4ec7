"""What a training left beside its model, for the commands that come after it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from edgekit_runtime.errors import UsageError
from edgekit_runtime.preprocessing import Preprocessing

RECORD_NAME = "training.json"


@dataclass(frozen=True, slots=True)
class TrainingRecord:
    """What is known of a trained model; nothing of it where no record speaks of this very file.

    Attributes:
        labels: Names of the classes.
        preprocessing: How the pictures that it was trained on became its input.
    """

    labels: tuple[str, ...] = ()
    preprocessing: Preprocessing | None = None


def read_training_record(model: Path) -> TrainingRecord:
    """Read ``training.json`` beside a Keras file, where it was written for that file, byte by byte."""
    record = model.parent / RECORD_NAME
    if not (model.is_file() and record.is_file()):
        return TrainingRecord()
    try:
        content = json.loads(record.read_text(encoding="utf-8"))
        if content["models"][model.name] != hashlib.sha256(model.read_bytes()).hexdigest():
            return TrainingRecord()
        labels = tuple(str(label) for label in content["labels"])
        return TrainingRecord(labels, Preprocessing.from_dict(content["preprocessing"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, UsageError):
        # Another program's file of that name, or an older one.
        return TrainingRecord()
