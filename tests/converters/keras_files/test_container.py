"""Containers are told apart by what they hold, and foreign files by name."""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path

import attack_files as attack
import h5py
import numpy as np
import pytest

from edgekit_converters.keras_files.container import open_keras_file
from edgekit_runtime.errors import ModelFileError


@pytest.mark.parametrize("name", ["model.h5", "model.keras", "model"])
def test_hdf5_under_any_name(name: str, tmp_path: Path) -> None:
    model = attack.sequential(attack.dense())
    with open_keras_file(attack.write_h5(tmp_path / name, model, {"loss": "mse"})) as file:
        assert (file.container, file.keras_version, file.backend) == ("hdf5", "2.11.0", "tensorflow")
        assert file.model_config == model
        assert file.training_config == {"loss": "mse"}
        assert file.weights_layout == "layers"
        np.testing.assert_array_equal(file.weights.group("dense").array("dense/kernel:0"), np.ones((3, 2), np.float32))


@pytest.mark.parametrize("name", ["model.h5", "model.keras", "model"])
def test_zip_under_any_name(name: str, tmp_path: Path) -> None:
    model = attack.sequential_3(attack.dense_3())
    with open_keras_file(attack.write_keras(tmp_path / name, model)) as file:
        assert (file.container, file.keras_version, file.backend) == ("zip", "3.8.0", "tensorflow")
        assert file.model_config == model
        assert file.training_config is None
        assert file.weights_layout == "variables"
        np.testing.assert_array_equal(file.weights.array("layers/dense/vars/1"), np.zeros(2, np.float32))


def test_texts_kept_as_bytes(tmp_path: Path) -> None:
    # Python 2 wrote bytes.
    path = tmp_path / "model.h5"
    with h5py.File(path, "w") as file:
        file.attrs["keras_version"] = np.bytes_(b"1.2.2")
        file.attrs["model_config"] = json.dumps({"class_name": "Sequential", "config": []}).encode()
        attack.write_weights(file)
    with open_keras_file(path) as keras_file:
        assert keras_file.keras_version == "1.2.2"
        assert keras_file.backend == ""
        assert keras_file.model_config == {"class_name": "Sequential", "config": []}


def test_a_file_of_weights_only(tmp_path: Path) -> None:
    path = tmp_path / "weights.h5"
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [b"dense"]
        file.attrs["keras_version"] = "2.1.4"
        file["dense/kernel:0"] = np.ones(2)
    with open_keras_file(path) as keras_file:
        assert keras_file.model_config is None
        assert (keras_file.keras_version, keras_file.weights_layout) == ("2.1.4", "layers")


def test_weights_of_keras_3(tmp_path: Path) -> None:
    path = tmp_path / "model.weights.h5"
    path.write_bytes(attack.weights_3())
    with open_keras_file(path) as keras_file:
        assert keras_file.model_config is None
        assert (keras_file.keras_version, keras_file.weights_layout) == ("", "variables")


def pointer(path: Path) -> None:
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n")


def truncated(path: Path) -> None:
    attack.write_h5(path, attack.sequential(attack.dense()))
    path.write_bytes(path.read_bytes()[:-100])


def truncated_zip(path: Path) -> None:
    attack.write_keras(path, attack.sequential_3(attack.dense_3()))
    path.write_bytes(path.read_bytes()[:-100])


def other_hdf5(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["images"] = np.zeros(3)


def other_zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("photo.txt", "a photo")


def shards(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", "{}")
        archive.writestr("metadata.json", '{"keras_version": "3.12.0"}')
        archive.writestr("model.weights.json", "{}")


def no_version(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = "{}"
        file.attrs["keras_version"] = "of tomorrow"


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda path: None, "does not exist"),
        (lambda path: path.mkdir(), "is a folder"),
        (lambda path: os.mkfifo(path), "is a device or pipe"),
        (lambda path: path.symlink_to("/dev/zero"), "is a device or pipe"),
        (lambda path: path.write_bytes(b""), "is empty"),
        (lambda path: path.write_bytes(b"\x20\x00\x00\x00TFL3"), "is a .tflite model already"),
        (lambda path: path.write_bytes(b"<!DOCTYPE html>"), "is a web page"),
        (lambda path: path.write_bytes(b"\x80\x04\x95"), "is a Python pickle"),
        (lambda path: path.write_bytes(b'{"class_name": 1}'), "is JSON text"),
        (lambda path: path.write_bytes(b"GIF89a"), "is not a model that edgekit can read"),
        (pointer, "is a Git LFS pointer"),
        (truncated, "is damaged: it is truncated"),
        (truncated_zip, "begins like a .keras zip but cannot be opened"),
        (other_hdf5, "is an HDF5 file, but not one that Keras writes"),
        (other_zip, "is a zip, but not one that Keras writes"),
        (shards, "keeps its weights in several parts"),
        (no_version, "names no version of Keras"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_foreign_and_damaged_files(write: object, message: str, tmp_path: Path) -> None:
    path = tmp_path / "model.h5"
    write(path)  # type: ignore[operator]
    with pytest.raises(ModelFileError) as refusal:
        open_keras_file(path)
    assert message in refusal.value.problem


def test_published_files(shared_models: Path) -> None:
    index = json.loads((shared_models / "index.json").read_text())
    for entry in index:
        with open_keras_file(shared_models / entry["file"]) as file:
            assert (file.container, file.keras_version) == (entry["container"], entry["keras_version"]), entry["file"]
            stored_class = "weights-only" if file.model_config is None else file.model_config["class_name"]
            assert stored_class == entry["model_class"], entry["file"]
