"""Inputs that are indices are found by the tables behind them; others keep their own kind of values."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from edgekit_converters.lowering import ModelInput
from edgekit_converters.lowering.saved_model import LoadedSavedModel
from edgekit_converters.quantization.calibration import calibrate
from edgekit_converters.quantization.look_ups import rows_by_input
from edgekit_converters.quantization.samples import random_representative_dataset
from edgekit_runtime.errors import DataError
from edgekit_runtime.tflite.tflite_model import TfliteModel

KERAS_2 = Path(__file__).parents[2] / "data" / "saved_models"
INPUTS = (ModelInput("word", (-1, 1), "float32"), ModelInput("numbers", (-1, 2), "float32"))


@pytest.fixture(scope="module")
def embedding(tmp_path_factory: pytest.TempPathFactory) -> TfliteModel:
    """A table of 7 rows for the input ``word``, beside the plain input ``numbers``."""
    folder = tmp_path_factory.mktemp("embedding")
    shutil.unpack_archive(KERAS_2 / "keras2_embedding.zip", folder)
    return LoadedSavedModel(folder).lower()[0]


def test_an_index_is_followed_to_its_input(embedding: TfliteModel) -> None:
    assert rows_by_input(embedding.description) == {"word": 7}


def test_random_indices_stay_within_the_table_and_calibrate_it(embedding: TfliteModel) -> None:
    samples = list(random_representative_dataset(INPUTS, 0, samples=60, rows={"word": 7}))
    words = {float(sample["word"].item()) for sample in samples}
    assert words == {0, 1, 2, 3, 4, 5, 6}
    assert min(sample["numbers"].min() for sample in samples) < -1
    assert calibrate(embedding, samples).samples == 60


def test_an_index_beyond_the_table_is_one_sentence(embedding: TfliteModel) -> None:
    sample = {"word": np.float32([[-3]]), "numbers": np.zeros((1, 2), np.float32)}
    with pytest.raises(DataError, match="cannot compute the calibration data") as caught:
        calibrate(embedding, [sample])
    assert "gather index out of bounds" in caught.value.received
    assert len(caught.value.received) <= 200
