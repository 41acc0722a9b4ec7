"""Wrong calibration data is told from right data, by ``edgekit convert`` on a trained model."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from edgekit.cli import cli
from edgekit.datasets import load_dataset


@pytest.fixture(scope="session")
def digits() -> tuple[np.ndarray, np.ndarray]:
    """1,000 scanned digits, uint8 (1000, 28, 28, 1), and their classes."""
    data = load_dataset("digits")
    return data.x_train[:1000], data.y_train[:1000]


def calibrate(model: Path, data: object, output: Path, *options: str) -> Result:
    arguments = [
        "convert",
        str(model),
        "--quantize",
        "int8",
        "--data",
        str(data),
        "-o",
        str(output),
        "--json",
        *options,
    ]
    return CliRunner().invoke(cli, arguments)


def no_normalization(x: np.ndarray, y: np.ndarray) -> dict[str, np.ndarray]:
    return {"x": x.astype(np.float32), "y": y}


def no_normalization_and_no_labels(x: np.ndarray, y: np.ndarray) -> dict[str, np.ndarray]:
    return {"x": x.astype(np.float32)}


def double_normalization(x: np.ndarray, y: np.ndarray) -> dict[str, np.ndarray]:
    return {"x": x.astype(np.float32) / 255 / 255, "y": y}


def double_normalization_as_pixels(x: np.ndarray, y: np.ndarray) -> dict[str, np.ndarray]:
    return {"x": (x > 127).astype(np.uint8)}


def one_class(x: np.ndarray, y: np.ndarray) -> dict[str, np.ndarray]:
    return {"x": x[y == 7], "y": y[y == 7]}


def one_class_without_labels(x: np.ndarray, y: np.ndarray) -> dict[str, np.ndarray]:
    return {"x": x[y == 7]}


def noise_with_labels(x: np.ndarray, y: np.ndarray) -> dict[str, np.ndarray]:
    return {"x": np.random.default_rng(0).integers(0, 256, x.shape, np.uint8), "y": y}


def a_class_missing(x: np.ndarray, y: np.ndarray) -> dict[str, np.ndarray]:
    return {"x": x[y != 3], "y": y[y != 3]}


def few(x: np.ndarray, y: np.ndarray) -> dict[str, np.ndarray]:
    return {"x": x[:20]}


def mostly_copies(x: np.ndarray, y: np.ndarray) -> dict[str, np.ndarray]:
    return {"x": np.concatenate([x[:40]] * 6)}


def some_blank(x: np.ndarray, y: np.ndarray) -> dict[str, np.ndarray]:
    return {"x": np.where(np.arange(len(x)).reshape(-1, 1, 1, 1) % 4 == 0, np.arange(len(x)).reshape(-1, 1, 1, 1) % 200,
                          x).astype(np.uint8)}  # fmt: skip


SUSPICIOUS = [
    (no_normalization, ["255", "they are not scaled as in training"]),
    (no_normalization_and_no_labels, ["go from 0 to 255, and the model takes 0 to 1, unless", "not scaled as"]),
    (double_normalization, ["of them multiplied by 255", "they are not scaled as in training"]),
    (double_normalization_as_pixels, ["go from 0 to 0.003922", "scaled once too often"]),
    (one_class, ["are of one class, 7"]),
    (one_class_without_labels, ["The float model answers class 7 to"]),
    (noise_with_labels, ["no more than by guessing"]),
    (a_class_missing, ["No example to calibrate on is of class 3."]),
    (few, ["Only 20 examples"]),
    (mostly_copies, ["of the 240 examples to calibrate on differ"]),
    (some_blank, ["are one value throughout"]),
]


@pytest.mark.parametrize(("make", "says"), SUSPICIOUS, ids=[make.__name__ for make, _ in SUSPICIOUS])
def test_suspicious_data_is_a_warning(
    make: Callable[[np.ndarray, np.ndarray], dict[str, np.ndarray]],
    says: list[str],
    trained_folder: Path,
    digits: tuple[np.ndarray, np.ndarray],
    tmp_path: Path,
) -> None:
    np.savez(tmp_path / "data.npz", **make(*digits))
    result = calibrate(trained_folder / "model.h5", tmp_path / "data.npz", tmp_path / "int8.tflite")
    assert result.exit_code == 0, result.output
    warnings = [line for line in result.stderr.splitlines() if line.startswith("Warning: ")]
    assert len(warnings) == 1
    assert all(part in warnings[0] for part in says), warnings
    assert warnings[0].removeprefix("Warning: ") in json.loads(result.stdout)["notes"]


def channels_first(x: np.ndarray, y: np.ndarray) -> dict[str, np.ndarray]:
    return {"x": np.pad(x, ((0, 0), (0, 0), (0, 0), (0, 0))).transpose(0, 3, 1, 2), "y": y}


def ten_equal(x: np.ndarray, y: np.ndarray) -> dict[str, np.ndarray]:
    return {"x": np.repeat(x[:1], 10, axis=0), "y": np.arange(10)}


def not_a_number(x: np.ndarray, y: np.ndarray) -> dict[str, np.ndarray]:
    broken = x / 255
    broken[::9, 3, 3] = np.nan
    return {"x": broken, "y": y}


def constant(x: np.ndarray, y: np.ndarray) -> dict[str, np.ndarray]:
    return {"x": np.broadcast_to(np.arange(200, dtype=np.uint8).reshape(-1, 1, 1, 1), (200, 28, 28, 1))}


WRONG = [
    (channels_first, "Its channels come first, the model's last"),
    (ten_equal, "All 10 examples of"),
    (not_a_number, "NaN or infinity in"),
    (constant, "to calibrate on are constant"),
]


@pytest.mark.parametrize(("make", "says"), WRONG, ids=[make.__name__ for make, _ in WRONG])
def test_data_of_no_use_is_an_error(
    make: Callable[[np.ndarray, np.ndarray], dict[str, np.ndarray]],
    says: str,
    trained_folder: Path,
    digits: tuple[np.ndarray, np.ndarray],
    tmp_path: Path,
) -> None:
    np.savez(tmp_path / "data.npz", **make(*digits))
    result = calibrate(trained_folder / "model.h5", tmp_path / "data.npz", tmp_path / "int8.tflite")
    assert result.exit_code == 1
    assert says in json.loads(result.stdout)["problem"] + json.loads(result.stdout)["received"]
    assert not (tmp_path / "int8.tflite").exists()


def images_in_folders(x: np.ndarray, y: np.ndarray, folder: Path) -> object:
    for number, (image, kind) in enumerate(zip(x, y, strict=True)):
        (folder / str(kind)).mkdir(exist_ok=True)
        Image.fromarray(image[..., 0]).save(folder / str(kind) / f"{number}.png")
    return folder


def pixels_without_labels(x: np.ndarray, y: np.ndarray, folder: Path) -> object:
    np.save(folder / "x.npy", x)
    return folder / "x.npy"


def floats_as_in_training(x: np.ndarray, y: np.ndarray, folder: Path) -> object:
    np.savez(folder / "x.npz", x=x / 255, y=y)
    return folder / "x.npz"


def the_built_in_digits(x: np.ndarray, y: np.ndarray, folder: Path) -> object:
    return "digits"


@pytest.mark.parametrize("make", [images_in_folders, pixels_without_labels, floats_as_in_training, the_built_in_digits])
def test_right_data_gives_no_alarm(
    make: Callable[[np.ndarray, np.ndarray, Path], object],
    trained_folder: Path,
    digits: tuple[np.ndarray, np.ndarray],
    tmp_path: Path,
) -> None:
    (tmp_path / "data").mkdir()
    result = calibrate(trained_folder / "model.h5", make(*digits, tmp_path / "data"), tmp_path / "int8.tflite")
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    report = json.loads(result.stdout)["calibration"]
    assert report["warnings"] == []
    assert report["value_range"]["image"] == pytest.approx([0, 1])
    assert report["float_top1"] is None if make is pixels_without_labels else report["float_top1"] > 0.9
