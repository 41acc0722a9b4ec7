"""Bad model files and bad options, through the commands: a sentence, the right exit code, nothing half-written."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
from click.testing import CliRunner, Result

from edgekit.cli import cli


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [*map(str, arguments)])


@pytest.fixture(scope="module")
def whole_model(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A good ``.h5`` file."""
    from edgekit.training.reference_cnn import build

    path = tmp_path_factory.mktemp("whole") / "model.h5"
    build((28, 28, 1), 10).save(path)
    return path.read_bytes()


def absent(path: Path, whole: bytes) -> None:
    pass


def empty(path: Path, whole: bytes) -> None:
    path.write_bytes(b"")


def text(path: Path, whole: bytes) -> None:
    path.write_text("import tensorflow as tf\n" * 20)


def truncated_to_half(path: Path, whole: bytes) -> None:
    path.write_bytes(whole[: len(whole) // 2])


def truncated_by_a_byte(path: Path, whole: bytes) -> None:
    path.write_bytes(whole[:-1])


def foreign_hdf5(path: Path, whole: bytes) -> None:
    with h5py.File(path, "w") as file:
        file["temperatures"] = np.arange(10.0)


def git_lfs_pointer(path: Path, whole: bytes) -> None:
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0123\nsize 12345678\n")


def folder_without_model(path: Path, whole: bytes) -> None:
    path.mkdir()


@pytest.mark.parametrize("command", ["convert", "inspect"])
@pytest.mark.parametrize(
    "make",
    [absent, empty, text, truncated_to_half, truncated_by_a_byte, foreign_hdf5, git_lfs_pointer, folder_without_model],
    ids=lambda make: make.__name__,
)
def test_a_bad_keras_file_is_a_sentence(make, command: str, whole_model: bytes, tmp_path: Path) -> None:
    path = tmp_path / "model.h5"
    make(path, whole_model)
    old = tmp_path / "model.tflite"
    old.write_bytes(b"the old file")
    before = sorted(file.name for file in tmp_path.iterdir())
    result = run(command, path)
    assert result.exit_code == 1, result.output
    assert result.stderr.startswith("Error: ")
    assert "model.h5" in result.stderr
    assert "Traceback" not in result.stderr
    assert "Unexpected error" not in result.stderr
    assert sorted(file.name for file in tmp_path.iterdir()) == before
    assert old.read_bytes() == b"the old file"


@pytest.mark.parametrize("command", [["inspect"], ["bench"], ["predict"]], ids=lambda c: c[0])
@pytest.mark.parametrize("make", [absent, empty, text, folder_without_model], ids=lambda make: make.__name__)
def test_a_bad_tflite_is_a_sentence(make, command: list[str], tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    make(path, b"")
    images = ["digit.png"] if command == ["predict"] else []
    result = run(*command, path, *images)
    assert result.exit_code == 1, result.output
    assert result.stderr.startswith("Error: ")
    assert "model.tflite" in result.stderr
    assert "Unexpected error" not in result.stderr


@pytest.mark.parametrize("data", ["absent.npz", "dgits"], ids=["missing path", "misspelt name"])
@pytest.mark.parametrize("command", ["train", "convert", "validate"])
def test_data_that_is_not_there_is_a_sentence(command: str, data: str, whole_model: bytes, tmp_path: Path) -> None:
    model = tmp_path / "model.h5"
    model.write_bytes(whole_model)
    if command == "validate":
        assert run("convert", model).exit_code == 0
    arguments = {
        "train": ["train", "--dataset", data, "-o", tmp_path / "out"],
        "convert": ["convert", model, "--quantize", "int8", "--data", data, "-o", tmp_path / "out.tflite"],
        "validate": ["validate", model, tmp_path / "model.tflite", "--data", data],
    }[command]
    result = run(*arguments)
    assert result.exit_code == 1, result.output
    assert f"There is no data set {data}" in result.stderr
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "out.tflite").exists()
