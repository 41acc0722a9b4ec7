"""Picture files on the device's command line get Keras's answers, wherever the model scales its pixels."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

CAFFE_MEAN = np.array([103.939, 116.779, 123.68], np.float32)
#: For each way to scale: layers in the model, what a script would do before it, and what edgekit is told of that.
SCALINGS: dict[str, tuple[list[str], Callable[[np.ndarray], np.ndarray], list[str]]] = {
    "outside": ([], lambda x: x / 255, []),
    "outside-signed": ([], lambda x: x / 127.5 - 1, ["--pixel-range", "-1,1"]),
    "inside": (["rescaling"], lambda x: x, []),
    "inside-by-channel": (["normalization"], lambda x: x, []),
    "caffe": (
        [],
        lambda x: x[..., ::-1] - CAFFE_MEAN,
        ["--pixel-range", "0,255", "--mean", "103.939,116.779,123.68", "--std", "1,1,1", "--color-order", "bgr"],
    ),
}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for each of two classes; dark and bright, with colours that differ."""
    folder = tmp_path_factory.mktemp("pictures")
    random = np.random.default_rng(0)
    for number in range(40):
        bright = number % 2
        pixels = random.integers(100 * bright, 150 + 100 * bright, (12, 10, 3)) * [1.0, 0.8, 0.6]
        path = folder / ("bright" if bright else "dark") / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(pixels.astype(np.uint8)).save(path)
    return folder


def trained(inside: list[str], x: np.ndarray, y: np.ndarray) -> Any:
    from keras import Sequential, layers, utils

    scaling = {
        "rescaling": lambda: layers.Rescaling(1 / 127.5, offset=-1),
        "normalization": lambda: layers.Normalization(mean=[120.0, 100.0, 80.0], variance=[2500.0, 1600.0, 900.0]),
    }
    utils.set_random_seed(0)
    model = Sequential(
        [
            layers.Input((12, 10, 3)),
            *(scaling[name]() for name in inside),
            layers.Conv2D(6, 3, activation="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(2, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(x, y, epochs=10, verbose=0)
    return model


@pytest.mark.parametrize("options", [[], ["--quantize", "int8", "--io", "uint8"]], ids=["float32", "int8"])
@pytest.mark.parametrize("scaling", SCALINGS)
def test_labels_of_picture_files(scaling: str, options: list[str], pictures: Path, tmp_path: Path) -> None:
    inside, prepare, told = SCALINGS[scaling]
    files = sorted(pictures.rglob("*.png"))
    x = prepare(np.stack([np.asarray(Image.open(file)) for file in files]).astype(np.float32))
    model = trained(inside, x, np.array([["bright", "dark"].index(file.parent.name) for file in files]))
    model.save(tmp_path / "model.keras")
    expected = model.predict(x, verbose=0)

    convert = ["edgekit", "convert", tmp_path / "model.keras", "-o", tmp_path / "model.tflite", *options]
    run(*convert, "--data", pictures, *told)
    answers = run("edgekit_runtime", "predict", tmp_path / "model.tflite", *files, "--top-k", "2", "--json")
    scores = np.zeros_like(expected)
    for row, result in zip(scores, json.loads(answers)["results"], strict=True):
        for entry in result["answers"][0]["top"]:
            row[["bright", "dark"].index(entry["label"])] = entry["score"]
    # A step of an int8 softmax is 1/256; weights and activations add a little.
    np.testing.assert_allclose(scores, expected, atol=0.02 if options else 1e-5)
    assert np.ptp(expected[:, 0]) > 0.1, "a model that answers always the same would pass"


def run(module: str, *arguments: object) -> str:
    command = [sys.executable, "-m", module, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
