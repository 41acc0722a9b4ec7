from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

import edgekit_runtime
from edgekit_runtime.errors import ModelFileError
from edgekit_runtime.tflite import structure
from edgekit_runtime.tflite.flatbuffer import FlatBuffer
from edgekit_runtime.tflite.structure import read_model_description
from edgekit_runtime.tflite.tflite_model import TfliteModel


def test_it_holds_the_content_and_what_the_structure_check_read(tflite_folder: Path) -> None:
    content = (tflite_folder / "cnn_int8_io_uint8.tflite").read_bytes()
    model = TfliteModel(content)
    assert model.content is content
    assert model.description == read_model_description(content)
    assert len(model) == len(content)


def test_a_damaged_file_never_becomes_one(tflite_folder: Path) -> None:
    content = (tflite_folder / "cnn_int8_io_uint8.tflite").read_bytes()
    for damaged in (b"", content[: len(content) // 2], content[:4] + b"TFL4" + content[8:]):
        with pytest.raises(ModelFileError):
            TfliteModel(damaged)


def test_neither_content_nor_description_can_be_replaced(tflite_folder: Path) -> None:
    buffer = bytearray((tflite_folder / "cnn_int8_io_uint8.tflite").read_bytes())
    model = TfliteModel(buffer)
    checked = model.content
    # The caller's buffer changes after the check, but the content that native code receives does not.
    buffer[:] = bytes(len(buffer))
    assert model.content == checked != bytes(buffer)
    for name in ("content", "description", "more"):
        with pytest.raises(AttributeError):
            setattr(model, name, b"")


def test_models_of_the_same_content_are_equal(tflite_folder: Path) -> None:
    content = (tflite_folder / "cnn_int8_io_uint8.tflite").read_bytes()
    other = TfliteModel((tflite_folder / "cnn_float32.tflite").read_bytes())
    assert TfliteModel(content) == TfliteModel(bytes(bytearray(content))) != other
    assert len({TfliteModel(content), TfliteModel(content), other}) == 2
    assert TfliteModel(content) != content


def test_loading_one_does_not_parse_it_again(
    tflite_folder: Path, cnn: dict[str, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    parsed: list[str] = []

    class CountedFlatBuffer(FlatBuffer):
        def __init__(self, data: bytes, size: int | None = None) -> None:
            parsed.append(hashlib.sha256(data).hexdigest())
            super().__init__(data, size)

    monkeypatch.setattr(structure, "FlatBuffer", CountedFlatBuffer)
    content = (tflite_folder / "cnn_float32.tflite").read_bytes()
    expected = edgekit_runtime.load(content).predict(cnn["image"])
    assert len(parsed) == 1
    model = TfliteModel(content)
    for _ in range(3):
        np.testing.assert_array_equal(edgekit_runtime.load(model).predict(cnn["image"]), expected)
    assert len(parsed) == 2
