"""What the source model itself answers, asked of the process that has lowered it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgekit_converters.lowering import LoweringProcess, LoweringRequest
from edgekit_converters.lowering.source_digest import digest


@pytest.fixture(scope="module")
def two_in_two_out(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    import keras

    keras.utils.set_random_seed(3)
    # "file" is a parameter of numpy's own writer.
    left, right = keras.layers.Input((4,), name="file"), keras.layers.Input((3,), name="right")
    joined = keras.layers.Concatenate()([left, right])
    outputs = [keras.layers.Dense(2, name="two")(joined), keras.layers.Dense(5, name="five")(left)]
    model = keras.Model([left, right], outputs)
    path = tmp_path_factory.mktemp("model") / "model.keras"
    model.save(path)
    return model, path


def test_keras_answers_by_name_as_often_as_asked(two_in_two_out: tuple[Any, Path]) -> None:
    model, path = two_in_two_out
    rng = np.random.default_rng(0)
    with LoweringProcess(LoweringRequest(path)) as process:
        assert [each.name for each in process.result().inputs] == ["file", "right"]
        for count in (1, 7):
            inputs = {"right": rng.random((count, 3), np.float32), "file": rng.random((count, 4), np.float32)}
            answers = process.source_outputs(inputs)
            assert answers is not None
            for name, expected in zip(("two", "five"), model([inputs["file"], inputs["right"]]), strict=True):
                np.testing.assert_allclose(answers[name], np.asarray(expected), rtol=1e-6)
        # What it cannot run is told as that, and the process goes on.
        assert process.source_outputs({"file": np.zeros((1, 9), np.float32)}) is None
        assert process.source_outputs(inputs) is not None


def test_a_saved_model_answers(small_cnn: Any, small_cnn_inputs: np.ndarray, tmp_path: Path) -> None:
    small_cnn.export(tmp_path / "saved", verbose=False)
    with LoweringProcess(LoweringRequest(tmp_path / "saved")) as process:
        (model_input,) = process.result().inputs
        answers = process.source_outputs({model_input.name: small_cnn_inputs[:3]})
    assert answers is not None
    (output,) = answers.values()
    np.testing.assert_allclose(output, np.asarray(small_cnn(small_cnn_inputs[:3])), rtol=1e-5)


def test_the_digest_is_of_the_bytes_that_were_lowered(small_cnn: Any, tmp_path: Path) -> None:
    source = tmp_path / "model.keras"
    small_cnn.save(source)
    before = digest(source)
    with LoweringProcess(LoweringRequest(source)) as process:
        lowered = process.result()
        source.write_bytes(b"another file")
        # The model is in the child's memory.
        assert process.source_outputs({lowered.inputs[0].name: np.zeros((1, 8, 8, 1), np.float32)}) is not None
    assert lowered.source_sha256 == before


def test_a_folder_that_changed_after_it_was_lowered_answers_as_it_was(small_cnn: Any, tmp_path: Path) -> None:
    source = tmp_path / "saved"
    small_cnn.export(source, verbose=False)
    before = digest(source)
    with LoweringProcess(LoweringRequest(source)) as process:
        lowered = process.result()
        inputs = {lowered.inputs[0].name: np.ones((1, 8, 8, 1), np.float32)}
        first = process.source_outputs(inputs)
        (source / "variables" / "variables.data-00000-of-00001").write_bytes(b"another model's")
        again = process.source_outputs(inputs)
    assert first is not None and again is not None
    for name, values in first.items():
        np.testing.assert_array_equal(again[name], values)
    assert lowered.source_sha256 == before
