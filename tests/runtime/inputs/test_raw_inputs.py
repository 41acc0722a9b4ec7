"""Inputs that come as recordings or strings; a kind of this test's own stands for all of them."""

from __future__ import annotations

import json
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgekit_runtime
from edgekit_runtime.errors import ModelFileError, TensorMismatchError, UsageError
from edgekit_runtime.inputs import raw_inputs


class Letters:
    """Words of at most five letters; the packed alphabet numbers the letters."""

    def __init__(self, alphabet: str) -> None:
        self.alphabet = alphabet

    def prepare(self, examples: Any) -> np.ndarray:
        words = [examples] if isinstance(examples, str) else list(examples)
        return np.array([[self.alphabet.index(letter) for letter in word.ljust(5, "a")] for word in words], np.int32)

    def is_raw(self, values: np.ndarray) -> bool:
        return values.dtype.kind == "U"

    def as_golden(self, values: np.ndarray) -> np.ndarray:
        return np.array([[ord(letter) for letter in word.ljust(5, "a")] for word in values.tolist()], np.uint8)

    def golden_values(self, array: np.ndarray) -> np.ndarray:
        return self.prepare(["".join(map(chr, row)) for row in array.tolist()])

    def to_dict(self) -> dict[str, Any]:
        return {"kind": "letters"}

    def parts(self) -> dict[str, bytes]:
        return {"alphabet.txt": self.alphabet.encode()}


def read_raw_input(fields: dict[str, Any], read_part: Any, info: Any) -> Letters:
    return Letters(read_part("alphabet.txt").decode())


@pytest.fixture
def letters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "letters", sys.modules[__name__])
    monkeypatch.setattr(raw_inputs, "_MODULES", {"letters": "letters"})


def packed(folder: Path, tflite_folder: Path, **fields: Any) -> Path:
    """A model of five tokens with three outputs, with fields in its manifest and an alphabet."""
    path = folder / "letters.tflite"
    path.write_bytes((tflite_folder / "embedding_int32.tflite").read_bytes())
    with zipfile.ZipFile(path, "a") as parts:
        parts.writestr("alphabet.txt", "abcdef")
        parts.writestr("labels.txt", "one\ntwo\nthree")
        parts.writestr(
            "edgekit.json", json.dumps({"schema_version": 3, "task": {"outputs": {"output_0": "classes"}}, **fields})
        )
    return path


@pytest.mark.usefixtures("letters")
def test_classify_prepares_what_is_packed_to_be_prepared(tflite_folder: Path, tmp_path: Path) -> None:
    path = packed(tmp_path, tflite_folder, preprocessing={"keras_tensor_20": {"kind": "letters"}})
    model = edgekit_runtime.load(path)
    (found,) = model.classify("bad", top_k=3)
    scores = np.asarray(model.predict(np.array([[1, 0, 3, 0, 0]], np.int32)))[0]
    assert found.index == scores.argmax()
    assert [each.score for each in found.top] == sorted(scores.tolist(), reverse=True)
    assert [each.index for each in model.classify(["a", "bad"])] == [
        model.classify(word)[0].index for word in ("a", "bad")
    ]
    with pytest.raises(UsageError, match="top_k"):
        model.classify("bad", top_k=0)
    assert model.preprocessing is None


def test_a_kind_that_this_version_does_not_know_is_refused_when_it_is_needed(
    tflite_folder: Path, tmp_path: Path
) -> None:
    path = packed(tmp_path, tflite_folder, preprocessing={"keras_tensor_20": {"kind": "smell"}})
    model = edgekit_runtime.load(path)
    assert np.asarray(model.predict(np.zeros((1, 5), np.int32))).shape == (1, 3)
    with pytest.raises(ModelFileError, match="keras_tensor_20") as caught:
        model.classify("bad")
    assert caught.value.received == "'smell'"


def test_a_model_without_preparation_refuses_strings(tflite_folder: Path, tmp_path: Path) -> None:
    model = edgekit_runtime.load(packed(tmp_path, tflite_folder))
    with pytest.raises(TensorMismatchError, match="one image into one row of class scores"):
        model.classify("bad")


@pytest.mark.parametrize("fields", [{"decoding": []}, {"decoding": {"boxes": 1}}, {"preprocessing": {"a": 3}}])
def test_damaged_fields_are_reported_on_loading(fields: dict[str, Any], tflite_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="damaged"):
        edgekit_runtime.load(packed(tmp_path, tflite_folder, **fields))


def test_decoding_is_read_as_it_was_packed(tflite_folder: Path, tmp_path: Path) -> None:
    fields = {"boxes": {"layout": "centers"}}
    assert edgekit_runtime.load(packed(tmp_path, tflite_folder, decoding=fields)).manifest.decoding == fields
