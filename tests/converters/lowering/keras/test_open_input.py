"""Lengths to try for models that leave theirs open."""

from __future__ import annotations

import keras
import pytest
from keras import layers

from edgekit_converters.lowering.keras.open_input import shape_to_try


@pytest.mark.parametrize(
    ("shape", "layer", "expected"),
    [
        pytest.param((None, 4), layers.Cropping1D((500, 500)), (1024, 4), id="cropped"),
        pytest.param((None, 4), layers.Conv1D(2, 40), (64, 4), id="convolved"),
        pytest.param((None, None, 1), layers.MaxPooling2D(33), (64, 64, 1), id="pooled"),
        pytest.param((None, 4), layers.Conv1D(2, 3), (), id="short-enough"),
        pytest.param((64, 4), layers.Conv1D(2, 40), (), id="not-open"),
    ],
)
def test_the_made_up_length_is_doubled_until_there_is_an_output(shape, layer, expected) -> None:
    x = keras.Input(shape)
    assert shape_to_try(keras.Model(x, layer(x))) == expected
