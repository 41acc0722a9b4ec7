"""Examples to judge by: none was calibrated on, and none of the search's is among the held-back ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgekit.budget.examples import ExampleSplit, split_examples
from edgekit.datasets.opening import DataRequest, ModelData, open_data
from edgekit_converters.lowering import ModelInput
from edgekit_runtime.errors import DataError
from edgekit_runtime.tflite.tflite_model import TfliteModel

INPUTS = (ModelInput("reading", (-1, 4), "float32"),)


@pytest.fixture(scope="module")
def float_model() -> TfliteModel:
    """Three scores of four numbers."""
    import keras

    from edgekit_converters.lowering.keras.model import lower_keras_model

    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.layers.Input((4,), name="reading"), keras.layers.Dense(3, activation="softmax")])
    return lower_keras_model(model, name="dense")[0]


def opened(folder: Path, count: int, *, labelled: bool = True) -> ModelData:
    """Examples that can be told apart: the first number of each is its own."""
    x = np.random.default_rng(0).random((count, 4)).astype(np.float32)
    x[:, 0] = np.arange(count)
    arrays = {"x": x} | ({"y": np.arange(count) % 3} if labelled else {})
    np.savez(folder / "data.npz", **arrays)
    return open_data(DataRequest(str(folder / "data.npz")), INPUTS)


def numbers(values: np.ndarray) -> set[int]:
    return {int(number) for number in values[:, 0]}


def split_of(data: ModelData, float_model: TfliteModel, calibrated: int) -> tuple[ExampleSplit, set[int]]:
    stream = data.calibration.sample(calibrated, seed=0)
    used = {number for batch in stream.batches(64) for number in numbers(batch.inputs["reading"])}
    return split_examples(data, stream, float_model, metrics={}, seed=0), used


def test_calibration_search_and_held_back_are_distinct(tmp_path: Path, float_model: TfliteModel) -> None:
    split, calibrated = split_of(opened(tmp_path, 900), float_model, 256)
    searched, held_back = (numbers(part.inputs["reading"]) for part in (split.search, split.held_back))
    assert (len(calibrated), len(searched), len(held_back)) == (256, 464, 180)
    assert calibrated | searched | held_back == set(range(900))


def test_labels_stay_with_their_examples(tmp_path: Path, float_model: TfliteModel) -> None:
    split, _ = split_of(opened(tmp_path, 900), float_model, 256)
    for part in (split.search, split.held_back):
        (labels,) = part.ground_truth.values()
        np.testing.assert_array_equal(part.inputs["reading"][:, 0] % 3, labels)
        assert part.metric_name == "top1"
        assert part.smallest_step == 1 / len(part)


def test_few_examples_share_those_held_back(tmp_path: Path, float_model: TfliteModel) -> None:
    split, calibrated = split_of(opened(tmp_path, 300), float_model, 256)
    searched, held_back = (numbers(part.inputs["reading"]) for part in (split.search, split.held_back))
    assert (len(calibrated), len(searched), len(held_back)) == (240, 30, 30)
    assert not (searched & held_back or calibrated & searched or calibrated & held_back)


def test_a_handful_still_gives_an_answer(tmp_path: Path, float_model: TfliteModel) -> None:
    split, calibrated = split_of(opened(tmp_path, 6), float_model, 256)
    assert len(split.search) >= 1
    assert not calibrated & numbers(split.held_back.inputs["reading"])


def test_without_labels_agreement_is_judged(tmp_path: Path, float_model: TfliteModel) -> None:
    split, _ = split_of(opened(tmp_path, 900, labelled=False), float_model, 256)
    assert split.held_back.metric_name == "agreement"
    assert split.held_back.ground_truth == {}
    assert split.held_back.drop(float_model) == 0


def test_equal_examples_alone_cannot_be_held_back(tmp_path: Path, float_model: TfliteModel) -> None:
    np.savez(tmp_path / "equal.npz", x=np.ones((50, 4), np.float32))
    data = open_data(DataRequest(str(tmp_path / "equal.npz")), INPUTS)
    with pytest.raises(DataError, match="no held-back examples"):
        split_of(data, float_model, 256)
