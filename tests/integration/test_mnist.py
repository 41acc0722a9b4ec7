"""The reference CNN on MNIST's files: what training must reach and what int8 must keep."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

import edgekit_runtime
from edgekit.cli import cli
from edgekit.datasets import load_dataset
from edgekit.datasets.dataset import Dataset


def run(*arguments: object) -> Result:
    result = CliRunner().invoke(cli, [*map(str, arguments)])
    assert result.exit_code == 0, result.output
    return result


@pytest.fixture(scope="module")
def trained(mnist_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict]:
    """The trained model, and what ``edgekit train`` says of it."""
    folder = tmp_path_factory.mktemp("mnist")
    result = run("train", "--dataset", mnist_folder, "--epochs", 8, "-o", folder, "--json")
    return folder / "model.h5", json.loads(result.stdout)


@pytest.fixture(scope="module")
def variants(mnist_folder: Path, trained: tuple[Path, dict]) -> dict[str, Path]:
    """float32, int8 with float32 ends, and int8 with uint8 ends."""
    model, _ = trained
    paths = {name: model.with_name(f"{name}.tflite") for name in ("float32", "int8", "uint8")}
    run("convert", model, "-o", paths["float32"])
    run("convert", model, "--quantize", "int8", "--data", mnist_folder, "-o", paths["int8"])
    run("convert", model, "--quantize", "int8", "--io", "uint8", "--data", mnist_folder, "-o", paths["uint8"])
    return paths


@pytest.fixture(scope="module")
def mnist(mnist_folder: Path) -> Dataset:
    return load_dataset(str(mnist_folder))


@pytest.fixture(scope="module")
def answers(mnist: Dataset, variants: dict[str, Path]) -> dict[str, np.ndarray]:
    """Each variant's classes for the 2,000 images that are held back."""
    return {
        name: np.array([answer.index for answer in edgekit_runtime.load(path).classify(mnist.x_test)])
        for name, path in variants.items()
    }


def test_mnist_is_learned(trained: tuple[Path, dict]) -> None:
    _, report = trained
    assert (report["train_count"], report["test_count"]) == (8000, 2000)
    assert report["test_accuracy"] >= 0.98


def test_int8_passes_validation(mnist_folder: Path, trained: tuple[Path, dict], variants: dict[str, Path]) -> None:
    options = ["--data", mnist_folder, "--max-drop", "0.005", "--json"]
    result = run("validate", trained[0], variants["int8"], *options)
    assert json.loads(result.stdout)["agreement"]["samples"] == 2000


@pytest.mark.parametrize("name", ["int8", "uint8"])
def test_int8_keeps_the_accuracy_to_two_tenths_of_a_point(
    name: str, mnist: Dataset, answers: dict[str, np.ndarray]
) -> None:
    right = {each: int((answers[each] == mnist.y_test).sum()) for each in ("float32", name)}
    # 4 of 2,000 images.
    assert right[name] >= right["float32"] - 4


@pytest.mark.parametrize("name", ["int8", "uint8"])
def test_int8_is_at_most_29_hundredths_of_the_size(name: str, variants: dict[str, Path]) -> None:
    assert variants[name].stat().st_size <= 0.29 * variants["float32"].stat().st_size


def test_uint8_ends_agree_with_float_ends(answers: dict[str, np.ndarray]) -> None:
    assert (answers["uint8"] == answers["int8"]).mean() >= 0.999
