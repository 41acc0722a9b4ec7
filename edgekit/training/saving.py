"""Writes the files of a training."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edgekit import __version__
from edgekit.artifacts.training_record import RECORD_NAME
from edgekit.datasets.model_inputs import DEFAULT_PIXEL_RANGE, image_preprocessing
from edgekit.reports.terminal.training import draw_confusion, draw_history
from edgekit_converters import interrupts
from edgekit_converters.atomic_files import replacing_together, require_room
from edgekit_converters.lowering.source_digest import digest

if TYPE_CHECKING:
    from edgekit.training.fit import TrainingResult

MODEL_NAMES = ("model.h5", "model.keras")


#: The checkpoint contains the weights, Adam's two moments and the best weights; model.keras contains the first three of
#: these, and model.h5 the weights.
_COPIES_OF_WEIGHTS = 8
#: Size of figures, labels and report, and overhead of the file formats.
_OTHER_BYTES = 500_000


def require_room_for_training(model: Any, folder: Path) -> None:
    """Refuse a folder with too little space for the files of a training; call it before the first epoch.

    Args:
        model: The network.
        folder: Output folder, which is created if it does not exist.
    Raises:
        EdgekitError: The folder cannot be written, or the disk is full.
    """
    weights_bytes = np.dtype(np.float32).itemsize * model.count_params()
    require_room(folder / RECORD_NAME, _COPIES_OF_WEIGHTS * weights_bytes + _OTHER_BYTES)


def save_training(result: TrainingResult, folder: Path) -> None:
    """Write the model in both formats, the labels, the report and the figures; all of them or none.

    Args:
        result: Result of the training.
        folder: Output folder, which is created if it does not exist.
    Raises:
        EdgekitError: A file cannot be written; existing files are unchanged in that case.
    """
    # libhdf5 may crash on a full disk, so the space is checked first.
    require_room_for_training(result.model, folder)
    with replacing_together(folder, last=RECORD_NAME) as temporary:
        for name in MODEL_NAMES:
            _save_model(result.model, temporary / name)
        (temporary / "labels.txt").write_text("\n".join(result.labels) + "\n", encoding="utf-8")
        draw_history(result.history, result.test_accuracy, temporary / "training.png")
        draw_confusion(result.confusion, result.labels, result.test_accuracy, temporary / "confusion.png")
        report = {"edgekit": __version__, **_versions(), **result.to_dict(), **_for_conversion(result, temporary)}
        (temporary / RECORD_NAME).write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


def _for_conversion(result: TrainingResult, folder: Path) -> dict[str, Any]:
    """The digests of the model files and the preprocessing of their images, see ``read_training_record``."""
    preprocessing = image_preprocessing((-1, *result.model.inputs[0].shape[1:]), DEFAULT_PIXEL_RANGE)
    return {
        "models": {name: digest(folder / name) for name in MODEL_NAMES},
        "preprocessing": None if preprocessing is None else preprocessing.to_dict(),
    }


def _save_model(model: Any, path: Path) -> None:
    from absl import logging as keras_logging

    # Keras warns that .h5 is a legacy format, but other tools need it.
    before = keras_logging.get_verbosity()
    keras_logging.set_verbosity(keras_logging.ERROR)
    try:
        # Keras writes through h5py, whose callbacks would swallow Ctrl-C and leave the file incomplete.
        with interrupts.held_back():
            model.save(path, include_optimizer=False) if path.suffix == ".h5" else model.save(path)
    finally:
        keras_logging.set_verbosity(before)


def _versions() -> dict[str, str]:
    import keras
    import tensorflow as tf

    return {"keras": keras.__version__, "tensorflow": tf.__version__}
