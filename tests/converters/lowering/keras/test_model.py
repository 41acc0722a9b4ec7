"""Keras models of several kinds against their .tflite on a real interpreter."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from keras import layers

from edgekit_converters.lowering.keras.model import lower_keras_model, rescales_pixels
from edgekit_runtime.errors import ConversionError
from edgekit_runtime.tflite.tflite_model import TfliteModel


def run(model: TfliteModel, **inputs: np.ndarray) -> dict[str, np.ndarray]:
    interpreter = Interpreter(model_content=model.content)
    return interpreter.get_signature_runner()(**inputs)


def operators(model: TfliteModel) -> list[str]:
    interpreter = Interpreter(model_content=model.content)
    return [operator["op_name"] for operator in interpreter._get_ops_details() if operator["op_name"] != "DELEGATE"]


def values(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).random(shape, np.float32)


def test_the_small_cnn_answers_as_keras_does(
    small_cnn: Any, small_cnn_tflite: TfliteModel, small_cnn_inputs: np.ndarray
) -> None:
    expected = small_cnn.predict(small_cnn_inputs, verbose=0)
    got = run(small_cnn_tflite, picture=small_cnn_inputs)["kind"]
    np.testing.assert_allclose(got, expected, atol=1e-6)


def test_a_flatten_costs_one_operator(small_cnn_tflite: TfliteModel) -> None:
    assert operators(small_cnn_tflite) == ["CONV_2D", "MAX_POOL_2D", "RESHAPE", "FULLY_CONNECTED", "SOFTMAX"]


def test_equal_models_give_equal_bytes(small_cnn: Any, small_cnn_tflite: TfliteModel) -> None:
    assert lower_keras_model(small_cnn, name="small_cnn")[0] == small_cnn_tflite


def lstm() -> keras.Model:
    return keras.Sequential([layers.Input((5, 3), name="x"), layers.LSTM(4), layers.Dense(2)])


def bidirectional_gru() -> keras.Model:
    return keras.Sequential([layers.Input((5, 3), name="x"), layers.Bidirectional(layers.GRU(4)), layers.Dense(2)])


def nested_lstm() -> keras.Model:
    inner = keras.Sequential([layers.Input((5, 3)), layers.LSTM(4)])
    outer_input = layers.Input((5, 3), name="x")
    return keras.Model(outer_input, layers.Dense(2)(inner(outer_input)))


@pytest.mark.parametrize("build", [lstm, bidirectional_gru, nested_lstm], ids=lambda build: build.__name__)
def test_recurrent_layers_get_a_fixed_batch(build: Callable[[], keras.Model]) -> None:
    keras.utils.set_random_seed(2)
    model = build()
    lowered, batch = lower_keras_model(model, name="recurrent")
    assert batch == "1"
    assert not [name for name in operators(lowered) if name.startswith("Flex")]
    x = values(1, 5, 3)
    (got,) = run(lowered, x=x).values()
    np.testing.assert_allclose(got, model.predict(x, verbose=0), atol=1e-5)


def test_two_inputs_and_two_outputs_keep_their_names() -> None:
    left, right = layers.Input((4,), name="left"), layers.Input((2,), name="right")
    both = layers.Concatenate()([left, right])
    model = keras.Model([left, right], [layers.Dense(3, name="kind")(both), layers.Dense(1, name="size")(both)])
    lowered, batch = lower_keras_model(model, name="two")
    assert batch == "dynamic"
    a, b = values(2, 4), values(2, 2)
    got = run(lowered, left=a, right=b)
    kind, size = model.predict([a, b], verbose=0)
    np.testing.assert_allclose(got["kind"], kind, atol=1e-6)
    np.testing.assert_allclose(got["size"], size, atol=1e-6)


def test_integer_inputs_stay_integers() -> None:
    model = keras.Sequential(
        [layers.Input((6,), dtype="int32", name="words"), layers.Embedding(20, 4), layers.Flatten()]
    )
    lowered, _ = lower_keras_model(model, name="embedding")
    words = np.array([[1, 5, 19, 0, 3, 3]], np.int32)
    (got,) = run(lowered, words=words).values()
    np.testing.assert_allclose(got, model.predict(words, verbose=0), atol=1e-6)


def test_an_operator_without_builtin_form_is_named() -> None:
    signal = layers.Input((64,), name="signal")
    erfinv = layers.Lambda(keras.ops.erfinv, name="odd_one")(signal)
    with pytest.raises(ConversionError) as caught:
        lower_keras_model(keras.Model(signal, erfinv), name="odd.h5")
    assert caught.value.problem.startswith("odd.h5 uses the operator Erfinv in layer")
    assert "odd_one" in caught.value.problem


@pytest.mark.parametrize(
    ("first", "expected"),
    [
        ([layers.Rescaling(1 / 255)], True),
        ([layers.Identity(), layers.Rescaling(1 / 127.5, -1)], True),
        ([layers.Normalization(mean=[1.0], variance=[2.0])], True),
        ([layers.Conv2D(1, 3)], False),
        ([layers.Conv2D(1, 3), layers.Rescaling(1 / 255)], False),
    ],
    ids=["rescaling", "augmented", "normalization", "none", "too late"],
)
def test_a_model_that_rescales_by_itself_is_seen(first: list[Any], expected: bool) -> None:
    inner = keras.Sequential([layers.Input((8, 8, 1)), *first])
    assert rescales_pixels(inner) is expected
    assert rescales_pixels(keras.Sequential([layers.Input((8, 8, 1)), inner])) is expected
