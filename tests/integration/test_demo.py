"""``edgekit demo`` from end to end, and what the reference CNN must reach."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict, Path]:
    folder = tmp_path_factory.mktemp("demo") / "files"
    done = subprocess.run(
        [sys.executable, "-m", "edgekit", "demo", "--json", "-o", str(folder)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), folder


def test_the_digits_are_learned(demo: tuple[dict, Path]) -> None:
    report, _ = demo
    assert (report["train_images"], report["test_images"]) == (1437, 360)
    assert report["keras_top1"] >= 0.985


@pytest.mark.parametrize("name", ["none", "float16", "dynamic", "int8"])
def test_every_variant_keeps_the_accuracy(name: str, demo: tuple[dict, Path]) -> None:
    (variant,) = [entry for entry in demo[0]["variants"] if entry["name"] == name]
    assert abs(variant["agreement"]["accuracy_drop"]) <= 0.005
    assert variant["agreement"]["top1_agreement"] >= 0.99
    assert variant["size_bytes"] == Path(variant["path"]).stat().st_size
    assert 0 < variant["latency"]["p50_ms"] <= variant["latency"]["p99_ms"]


def test_the_winner_was_replayed_elsewhere(demo: tuple[dict, Path]) -> None:
    report, _ = demo
    assert report["replayed_images"] == 360
    assert report["winner"] in {variant["name"] for variant in report["variants"]}


def test_the_files_are_there(demo: tuple[dict, Path]) -> None:
    _, folder = demo
    assert {path.name for path in folder.iterdir()} >= {
        "model.h5", "model.keras", "model-none.tflite", "model-float16.tflite", "model-dynamic.tflite",
        "model-int8.tflite", "labels.txt", "training.json", "training.png", "confusion.png", "tradeoff.png",
        "digits.png", "held-back-digits.npy",
    }  # fmt: skip
    for figure in folder.glob("*.png"):
        with Image.open(figure) as image:
            image.load()
            assert min(image.size) > 400
