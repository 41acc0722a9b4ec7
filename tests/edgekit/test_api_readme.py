"""The README's example of ``import edgekit`` runs as it is."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

README = Path(__file__).resolve().parents[2] / "README.md"


def test_the_example_converts_and_validates_what_is_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keras = pytest.importorskip("keras")
    monkeypatch.chdir(tmp_path)
    keras.utils.set_random_seed(2)
    rng = np.random.default_rng(2)
    x = rng.random((600, 8), dtype=np.float32)
    y = (x[:, 0] > x[:, 1]).astype(int) + (x[:, 2] > 0.5)
    model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(16, "relu"), keras.layers.Dense(3, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(x, y, epochs=20, verbose=0)
    (example,) = re.findall(r"```python\nimport edgekit\n(.*?)```", README.read_text(), flags=re.DOTALL)
    names: dict[str, Any] = {"model": model, "x": x[:400], "y": y[:400], "x_test": x[400:], "y_test": y[400:]}
    exec(f"import edgekit\n{example}", names)
    conversion, result = names["conversion"], names["result"]
    assert conversion.path == Path("model.tflite")
    assert conversion.path.is_file()
    assert conversion.budget is not None
    assert result.agreement.samples == 200
    assert result.agreement.reference_top1 > 0.5
    assert abs(result.agreement.accuracy_drop) < 0.1
