"""``edgekit train``: what it prints, what it leaves, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from edgekit.cli import cli

FAST = ("--epochs", "1", "--no-augment", "--batch-size", "16")


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["train", *map(str, arguments)])


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten colour images of each of two classes, not all of one size."""
    folder = tmp_path_factory.mktemp("photos")
    random = np.random.default_rng(0)
    for name in ("cat", "dog"):
        (folder / name).mkdir()
        for index in range(10):
            pixels = random.integers(0, 256, (24 + index % 3, 20, 3), np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{index}.png")
    return folder


def test_the_folder_after_a_training(trained_folder: Path) -> None:
    assert {path.name for path in trained_folder.iterdir()} == {
        "checkpoint.npz", "confusion.png", "labels.txt", "model.h5", "model.keras", "training.json", "training.png",
    }  # fmt: skip
    report = json.loads((trained_folder / "training.json").read_text())
    assert (report["train_count"], report["test_count"]) == (1437, 360)
    assert len(report["history"]["accuracy"]) == 5
    assert report["test_accuracy"] > 0.9
    assert np.trace(report["confusion"]) == round(360 * report["test_accuracy"])


def test_an_image_folder_gives_sizes_channels_and_labels(photos: Path, tmp_path: Path) -> None:
    result = run("--dataset", photos, *FAST, "--output", tmp_path, "--json")
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert (report["train_count"], report["test_count"], report["labels"]) == (16, 4, ["cat", "dog"])
    assert report["folder"] == str(tmp_path)
    assert (tmp_path / "labels.txt").read_text() == "cat\ndog\n"
    import h5py

    with h5py.File(tmp_path / "model.h5") as file:
        config = json.loads(file.attrs["model_config"])
    assert config["config"]["layers"][0]["config"]["batch_shape"] == [None, 24, 20, 3]


def test_the_data_is_called_as_in_other_commands(photos: Path, tmp_path: Path) -> None:
    reports = []
    for option in ("--data", "--dataset"):
        result = run(option, photos, *FAST, "--output", tmp_path / option, "--json")
        assert result.exit_code == 0, result.output
        reports.append(json.loads(result.stdout))
    assert reports[0]["data_sha256"] == reports[1]["data_sha256"]
    assert reports[0]["history"] == reports[1]["history"]


def test_what_is_printed(photos: Path, tmp_path: Path) -> None:
    result = run("--dataset", photos, *FAST, "--output", tmp_path)
    rows = [line.split() for line in result.stdout.splitlines()]
    assert ["images", "learned", "from", "16"] in rows
    assert ["images", "held", "back", "4"] in rows
    assert ["epochs", "1"] in rows
    assert result.stderr == ""


def test_resume_goes_on_and_refuses_other_options(photos: Path, tmp_path: Path) -> None:
    arguments = ("--dataset", photos, "--no-augment", "--batch-size", "16", "--output", tmp_path, "--json")
    assert run(*arguments, "--epochs", "1").exit_code == 0
    resumed = run(*arguments, "--epochs", "2", "--resume")
    assert len(json.loads(resumed.stdout)["history"]["loss"]) == 2
    refused = run(*arguments, "--epochs", "2", "--resume", "--dropout", "0.5")
    assert refused.exit_code == 2
    error = json.loads(refused.stdout)
    assert (error["error"], error["expected"], error["received"]) == ("UsageError", "dropout 0.3", "dropout 0.5")


def test_resume_without_a_checkpoint(photos: Path, tmp_path: Path) -> None:
    result = run("--dataset", photos, "--resume", "--output", tmp_path / "new")
    assert result.exit_code == 1
    assert "nothing to resume" in result.stderr
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ("--epochs", "0"),
        ("--batch-size", "-1"),
        ("--learning-rate", "0"),
        ("--dropout", "1"),
        ("--seed", "-1"),
        ("--seed", 2**32),
    ],
    ids=lambda arguments: " ".join(map(str, arguments)),
)
def test_options_out_of_range(arguments: tuple[object, ...], tmp_path: Path) -> None:
    result = run(*arguments, "--output", tmp_path / "new")
    assert result.exit_code == 2
    assert "is not in the range" in result.stderr
    assert not (tmp_path / "new").exists()


def test_data_that_is_no_images(tmp_path: Path) -> None:
    np.savez(tmp_path / "table.npz", x=np.random.default_rng(0).normal(size=(20, 5)), y=np.arange(20) % 2)
    result = run("--dataset", tmp_path / "table.npz", "--output", tmp_path / "new")
    assert result.exit_code == 1
    assert "learns from images" in result.stderr
    assert not (tmp_path / "new").exists()
