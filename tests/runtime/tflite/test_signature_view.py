"""Each signature of a file with several runs like the model that it was made from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import edgekit_runtime
from edgekit_runtime.errors import ModelFileError
from edgekit_runtime.tflite.signature_view import signature_view
from edgekit_runtime.tflite.tflite_model import TfliteModel

#: The signatures of ``three_signatures.tflite`` and the models in ``data/tflite`` that they were made of.
SIGNATURES = {"dense": "dense_float32", "series": "lstm_batch1", "pairs": "two_in_two_out"}


@pytest.fixture(scope="module")
def several(tflite_folder: Path) -> TfliteModel:
    return TfliteModel((tflite_folder.parent / "sequences" / "three_signatures.tflite").read_bytes())


@pytest.mark.parametrize("key", SIGNATURES)
def test_a_view_predicts_like_the_model_that_the_signature_was_made_of(
    several: TfliteModel, tflite_folder: Path, key: str
) -> None:
    single = edgekit_runtime.load(tflite_folder / f"{SIGNATURES[key]}.tflite")
    view = signature_view(several, key)
    assert [signature.key for signature in view.description.signatures] == [key]
    assert len(view) == len(several)
    model = edgekit_runtime.load(view)
    assert [info[:3] for info in model.inputs] == [info[:3] for info in single.inputs]
    assert [info[:3] for info in model.outputs] == [info[:3] for info in single.outputs]
    random = np.random.default_rng(4)
    inputs = {info.name: random.normal(size=(5, *info.shape[1:])).astype(np.float32) for info in single.inputs}
    expected, actual = single.predict_named(inputs), model.predict_named(inputs)
    assert {name: values.tolist() for name, values in actual.items()} == {
        name: values.tolist() for name, values in expected.items()
    }


def test_the_file_itself_runs_its_first_signature(several: TfliteModel, tflite_folder: Path) -> None:
    batch = np.ones((2, 4), np.float32)
    single = edgekit_runtime.load(tflite_folder / "dense_float32.tflite")
    assert np.array_equal(edgekit_runtime.load(several).predict(batch), single.predict(batch))


def test_other_signatures_are_empty_but_bodies_of_loops_stay(several: TfliteModel) -> None:
    view = signature_view(several, "series")
    before, after = several.description.subgraphs, view.description.subgraphs
    assert after[0] == before[1]
    assert [len(graph.operators) for graph in after[1:3]] == [0, 0]
    assert after[3:] == before[3:]
    assert len(after) > 3


def test_a_missing_signature_is_refused(several: TfliteModel) -> None:
    with pytest.raises(ModelFileError, match="no signature 'decode'") as caught:
        signature_view(several, "decode")
    assert caught.value.received == "dense, series, pairs"


def test_damaged_files_give_an_error_or_a_checked_view(several: TfliteModel) -> None:
    random = np.random.default_rng(11)
    content = bytearray(several.content)
    views = errors = 0
    for _ in range(300):
        changed = bytearray(content)
        for place in random.integers(8, len(content), 3):
            changed[place] = int(random.integers(256))
        for key in SIGNATURES:
            try:
                signature_view(TfliteModel(bytes(changed)), key)
                views += 1
            except ModelFileError:
                errors += 1
    assert views > 50
    assert errors > 50
