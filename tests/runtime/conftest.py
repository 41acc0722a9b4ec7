"""What the runtime's tests share. They need numpy, one interpreter and pytest, nothing else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

TFLITE = Path(__file__).resolve().parent.parent / "data" / "tflite"


@pytest.fixture(scope="session")
def tflite_folder() -> Path:
    """The folder of small committed models."""
    return TFLITE


@pytest.fixture(scope="session")
def cnn() -> dict[str, np.ndarray]:
    """40 images of 12 × 12: ``pixels`` uint8, ``image`` float32, and the Keras model's ``probabilities``."""
    with np.load(TFLITE / "cnn.npz") as arrays:
        return {name: arrays[name] for name in arrays.files}
