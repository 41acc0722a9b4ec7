"""Versions of one small model, with golden examples, and a store of each test's own."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import edgekit_runtime


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EDGEKIT_STORE", str(tmp_path / "store"))
    return tmp_path / "store"


@pytest.fixture
def version(tmp_path: Path, tflite_folder: Path, cnn: dict[str, np.ndarray]) -> Callable[..., Path]:
    """Write a version of the model, which differs from the others in its first label."""
    flatbuffer = (tflite_folder / "cnn_float32.tflite").read_bytes()
    pixels = cnn["image"][:2]
    model = edgekit_runtime.load(flatbuffer)
    predictions = np.stack([np.asarray(model.predict(image)) for image in pixels])

    def write(label: str, *, release: int | None = None, error: float = 0.0, golden: bool = True) -> Path:
        path = tmp_path / f"{label}.tflite"
        path.write_bytes(flatbuffer)
        # A ZipInfo without a time: a version written twice has the same digest.
        with zipfile.ZipFile(path, "a") as parts:
            parts.writestr(zipfile.ZipInfo("labels.txt"), "\n".join([label, *"bcdefghij"]))
            provenance = {} if release is None else {"release": release}
            parts.writestr(zipfile.ZipInfo("edgekit.json"), json.dumps({"schema_version": 3, "provenance": provenance}))
            if golden:
                file = io.BytesIO()
                np.savez(file, input_0=pixels, output_0=predictions + error, tolerance=np.array([1e-3]))
                parts.writestr(zipfile.ZipInfo("golden.npz"), file.getvalue())
        return path

    return write
