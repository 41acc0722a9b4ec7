"""The files that a training leaves."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from edgekit import __version__
from edgekit.datasets.model_inputs import DEFAULT_PIXEL_RANGE, image_preprocessing
from edgekit.reports.training_figures import draw_confusion, draw_history
from edgekit.training.fit import TrainingResult
from edgekit.training.record import RECORD_NAME
from edgekit_converters import interrupts
from edgekit_converters.atomic_files import replacing, write_text

MODEL_NAMES = ("model.h5", "model.keras")


def save_training(result: TrainingResult, folder: Path) -> None:
    """Write the model in both formats, the labels, the report and the figures.

    Args:
        result: What was trained.
        folder: Where to; made where it is absent.
    Raises:
        EdgekitError: A file cannot be written; the old one is still there then.
    """
    for name in MODEL_NAMES:
        with replacing(folder / name) as temporary:
            _save_model(result.model, temporary)
    write_text(folder / "labels.txt", "\n".join(result.labels) + "\n")
    report = {"edgekit": __version__, **_versions(), **result.to_dict(), **_for_conversion(result, folder)}
    write_text(folder / RECORD_NAME, json.dumps(report, indent=1) + "\n")
    draw_history(result.history, result.test_accuracy, folder / "training.png")
    draw_confusion(result.confusion, result.labels, result.test_accuracy, folder / "confusion.png")


def _for_conversion(result: TrainingResult, folder: Path) -> dict[str, Any]:
    """Which files this is the report of, and how pictures became their input: see ``read_training_record``."""
    preprocessing = image_preprocessing((-1, *result.model.inputs[0].shape[1:]), DEFAULT_PIXEL_RANGE)
    return {
        "models": {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in MODEL_NAMES},
        "preprocessing": None if preprocessing is None else preprocessing.to_dict(),
    }


def _save_model(model: Any, path: Path) -> None:
    from absl import logging as keras_logging

    # Keras warns that .h5 is an old format; here it is written on purpose, for other tools.
    before = keras_logging.get_verbosity()
    keras_logging.set_verbosity(keras_logging.ERROR)
    try:
        # Keras writes through h5py, whose callbacks would drop a Ctrl-C and leave a part out.
        with interrupts.held_back():
            model.save(path, include_optimizer=False) if path.suffix == ".h5" else model.save(path)
    finally:
        keras_logging.set_verbosity(before)


def _versions() -> dict[str, str]:
    import keras
    import tensorflow as tf

    return {"keras": keras.__version__, "tensorflow": tf.__version__}
