from __future__ import annotations

import os
from pathlib import Path

import pytest

import edgekit_runtime
from edgekit_runtime.errors import ModelFileError
from edgekit_runtime.packed_file.model_file import read_model_file


def test_reads_the_whole_file(tflite_folder: Path) -> None:
    path = tflite_folder / "dense_float32.tflite"
    assert read_model_file(path) == path.read_bytes()
    assert read_model_file(str(path)) == path.read_bytes()


def test_missing(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError) as caught:
        read_model_file(tmp_path / "model.tflite")
    assert "model.tflite does not exist" in str(caught.value)
    assert caught.value.expected
    assert caught.value.received
    assert caught.value.next_step


def test_a_folder(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="a folder"):
        read_model_file(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.tflite")
    with pytest.raises(ModelFileError, match="device or pipe"):
        read_model_file(tmp_path / "pipe.tflite")


@pytest.mark.parametrize("content", [b"", b"text", b"\x89HDF\r\n\x1a\n" * 100], ids=["empty", "short", "hdf5"])
def test_foreign(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(content)
    with pytest.raises(ModelFileError, match=r"is not a \.tflite file"):
        read_model_file(path)


@pytest.mark.parametrize("start", [b"\x1c\0\0\0TFL3", b"\x1c\0\0\0XXXX"], ids=["tflite", "foreign"])
def test_huge_files_are_not_read(start: bytes, tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(start)
    os.truncate(path, 2**40)
    with pytest.raises(ModelFileError, match=r"too large|is not a \.tflite file"):
        read_model_file(path)


def test_flex_operators_are_named(tflite_folder: Path) -> None:
    with pytest.raises(ModelFileError, match="FlexCholesky") as caught:
        edgekit_runtime.load(tflite_folder / "flex_operator.tflite")
    assert "SELECT_TF_OPS" in caught.value.next_step


def test_custom_operators_are_named(tflite_folder: Path) -> None:
    with pytest.raises(ModelFileError, match="custom operator Cholesky"):
        edgekit_runtime.load(tflite_folder / "custom_operator.tflite")
