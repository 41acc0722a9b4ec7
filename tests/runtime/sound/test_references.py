"""The front end against Keras, TensorFlow and librosa; ``make_references.py`` computed their values."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from edgekit_runtime.sound.front_end import FrontEnd, Spectrogram

REFERENCES = Path(__file__).resolve().parents[2] / "data" / "sound" / "references.npz"
RECORDINGS = ("noise", "tones", "click", "clipped", "faint", "silence")


@pytest.fixture(scope="module")
def references() -> dict[str, np.ndarray]:
    with np.load(REFERENCES) as arrays:
        return {name: arrays[name] for name in arrays.files}


@pytest.mark.parametrize("recording", RECORDINGS)
@pytest.mark.parametrize(
    ("reference", "tolerance"),
    [
        # They compute in float32: an error of 1e-6 of the largest magnitude shows where a bin is nearly empty.
        pytest.param("tensorflow", 0.01, id="tensorflow"),
        pytest.param("keras", 0.01, id="keras-mel"),
        pytest.param("keras_stft", 0.001, id="keras-stft"),
        pytest.param("librosa", 0.01, id="librosa-slaney"),
        pytest.param("librosa_htk", 0.01, id="librosa-htk"),
    ],
)
def test_equals_the_reference(
    references: dict[str, np.ndarray], reference: str, tolerance: float, recording: str
) -> None:
    front_end = FrontEnd.from_dict(json.loads(str(references[f"front_end/{reference}"])))
    values = Spectrogram(front_end, 16_000)(references[f"recording/{recording}"])
    wanted = references[f"values/{reference}/{recording}"]
    assert values.shape == wanted.shape
    assert np.abs(values - wanted).max() <= tolerance
