"""The samples that find digits and outline them: training, conversion, judgement, and the program for the device."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

SAMPLES = Path(__file__).resolve().parents[2] / "samples"


def run(sample: str, *arguments: object) -> str:
    command = [sys.executable, str(SAMPLES / sample), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def figures(text: str, metric: str) -> dict[str, tuple[float, float]]:
    """By mode: the figure of the .tflite and that of Keras, in percent."""
    rows = re.findall(rf"^(\w+): {metric} ([\d.]+)%, Keras ([\d.]+)%$", text, flags=re.MULTILINE)
    return {mode: (float(own), float(keras)) for mode, own, keras in rows}


def test_find_digits(tmp_path: Path) -> None:
    trained = figures(run("find_digits/train.py", tmp_path), "AP50")
    assert trained["none"] == pytest.approx((trained["none"][1],) * 2, abs=0.1)
    assert trained["none"][1] > 75
    assert trained["int8"][0] > trained["int8"][1] - 3
    lines = run(
        "find_digits/find_digits.py", tmp_path / "detector-int8.tflite", *sorted((tmp_path / "test").glob("000*.png"))
    )
    assert re.search(r"0000\.png: \d \(\d+%\) from \d+, \d+ to \d+, \d+\n", lines)


def test_outline_digits(tmp_path: Path) -> None:
    trained = figures(run("outline_digits/train.py", tmp_path), "mean_iou")
    assert trained["none"] == pytest.approx((trained["none"][1],) * 2, abs=0.1)
    assert trained["none"][1] > 60
    assert trained["int8"][0] > trained["int8"][1] - 3
    with np.load(tmp_path / "test.npz") as test:
        image, mask = test["x"][0, :, :, 0], test["y"][0]
    Image.fromarray(image).resize((200, 100)).save(tmp_path / "wide.png")
    line = run("outline_digits/outline_digits.py", tmp_path / "outliner-int8.tflite", tmp_path / "wide.png")
    shown = {str(each - 1) for each in np.unique(mask[mask > 0])}
    assert shown & set(re.findall(r"(\d) \(\d+ pixels\)", line))
