"""The samples run as their first lines say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from edgekit.datasets import load_dataset

SAMPLES = Path(__file__).resolve().parents[2] / "samples"


def run(sample: str, *arguments: object) -> str:
    command = [sys.executable, str(SAMPLES / sample), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    train = [sys.executable, "-m", "edgekit", "train", "--epochs", "3", "--no-augment", "-o", str(folder)]
    subprocess.run(train, check=True, capture_output=True)
    return folder / "model.h5"


def test_convert_then_classify(model: Path, tmp_path: Path) -> None:
    assert "model-int8.tflite: top-1 9" in run("convert_in_python.py", model, "digits")
    digits = load_dataset("digits")
    paths = [tmp_path / f"{number}.png" for number in range(20)]
    for number, path in enumerate(paths):
        Image.fromarray(digits.x_test[number, :, :, 0]).save(path)
    lines = run("classify_on_device.py", model.with_name("model-int8.tflite"), *paths).splitlines()
    right = sum(
        line.startswith(f"{path}: {label} (")
        for line, path, label in zip(lines, paths, digits.y_test[:20], strict=True)
    )
    assert right >= 16


def test_every_sample_is_listed() -> None:
    listed = (SAMPLES / "README.md").read_text()
    for sample in SAMPLES.glob("*.py"):
        assert f"`{sample.name}`" in listed
