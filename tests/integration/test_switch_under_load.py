"""A few switches of ``benchmarks/switch_under_load.py``: no request fails, and none is answered by half a model."""

from __future__ import annotations

import importlib.util
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "switch_under_load.py"


def test_switches_under_requests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = importlib.util.spec_from_file_location("switch_under_load", SCRIPT)
    assert spec is not None and spec.loader is not None
    program = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)
    monkeypatch.setenv("EDGEKIT_STORE", str(tmp_path))
    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (28, 28), np.uint8)).save(file, "PNG")
    counts = program.run(3, 50.0, file.getvalue(), tmp_path)
    # Whichever model answers a request, it does so alone; both have answered.
    assert set(counts) == {"cnn_float32", "cnn_int8_io_float32"}
