"""Published files of ``../shared/models_hard``, on which an earlier version was wrong, through the command line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from edgekit_runtime import load

FOLDER = Path(__file__).resolve().parents[4] / "shared" / "models_hard"
ENTRIES = json.loads((FOLDER / "index.json").read_text()) if FOLDER.is_dir() else []

#: Keras files that convert as they are, and that Keras itself reads.
CONVERTED = ("mel.keras", "transformer_constant_position.keras", "vit_constant_position.keras")

pytestmark = pytest.mark.skipif(not ENTRIES, reason="the folder of hard models is not on this machine")


@pytest.mark.parametrize("file", CONVERTED)
def test_a_hard_keras_file_answers_as_in_keras(file: str, tmp_path: Path) -> None:
    import keras

    (entry,) = [entry for entry in ENTRIES if entry["file"] == file]
    assert entry["expected"].startswith("converts")
    command = [sys.executable, "-m", "edgekit", "convert", FOLDER / file, "--output", tmp_path / "model.tflite"]
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
    source = keras.saving.load_model(FOLDER / file, compile=False)
    (tensor,) = source.inputs
    inputs = np.random.default_rng(1).standard_normal((2, *tensor.shape[1:])).astype(tensor.dtype)
    expected = np.asarray(source(inputs, training=False))
    np.testing.assert_allclose(load(tmp_path / "model.tflite").predict(inputs), expected, atol=1e-5)
