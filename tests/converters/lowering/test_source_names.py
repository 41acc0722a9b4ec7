"""Inputs and outputs keep the source's names, number and order through lowering and every mode."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

import edgekit_runtime
from edgekit_converters.keras_files.load import load_keras_model
from edgekit_converters.lowering.keras.model import lower_keras_model, run_keras_model
from edgekit_converters.lowering.keras.signature import argument_names, input_names, output_names, unique_names
from edgekit_converters.quantization.calibration import calibrate
from edgekit_converters.quantization.modes import IoType, Mode
from edgekit_converters.quantization.quantize import quantize

VARIANTS = [(mode, io) for mode in Mode for io in mode.io_types]


def not_ascii() -> keras.Model:
    x = keras.Input((4,), name="größe")
    hidden = layers.TimeDistributed(layers.Dense(2, name="schön"), name="höhe 1")(layers.Reshape((2, 2))(x))
    return keras.Model(x, layers.Dense(2, name="höhe 2")(hidden))


def names_that_become_one_identifier() -> keras.Model:
    a, b = keras.Input((4,), name="a-b"), keras.Input((4,), name="a_b")
    return keras.Model([b, a], [layers.Dense(2, name="z o")(a), layers.Dense(3, name="z_o")(layers.Subtract()([a, b]))])


def a_tensor_twice() -> keras.Model:
    x = keras.Input((6,), name="x")
    d = layers.Dense(3, name="d")(x)
    return keras.Model(x, [d, d, layers.ReLU(name="r")(d)])


def an_input_passed_through() -> keras.Model:
    x = keras.Input((6,), name="x")
    return keras.Model(x, [layers.Dense(3, name="d")(x), layers.Identity(name="same")(x), x])


def an_output_that_others_read() -> keras.Model:
    x = keras.Input((6,), name="x")
    d = layers.Dense(4, name="d")(x)
    return keras.Model(x, [layers.Dense(2, name="head")(d), layers.Reshape((2, 2), name="square")(d), d])


def dicts_and_lists() -> keras.Model:
    z, a = keras.Input((4,), name="z"), keras.Input((3,), name="a")
    inner = {"k": layers.Dense(5, name="o3")(layers.Concatenate()([a, z]))}
    return keras.Model(
        {"z": z, "a": a}, {"q": layers.Dense(2, name="o1")(z), "b": [layers.Dense(3, name="o2")(a), inner]}
    )


def eleven_of_each() -> keras.Model:
    inputs = [keras.Input((2,), name=f"i{number}") for number in range(11)]
    return keras.Model(inputs, [layers.Dense(1 + n, name=f"o{n}")(x) for n, x in enumerate(inputs)])


NAMES: dict[Callable[[], keras.Model], tuple[list[str], list[str]]] = {
    not_ascii: (["größe"], ["höhe 2"]),
    names_that_become_one_identifier: (["a_b", "a-b"], ["z o", "z_o"]),
    a_tensor_twice: (["x"], ["d", "d_1", "r"]),
    an_input_passed_through: (["x"], ["d", "same", "x"]),
    an_output_that_others_read: (["x"], ["head", "square", "d"]),
    dicts_and_lists: (["a", "z"], ["b_0", "b_1_k", "q"]),
    eleven_of_each: ([f"i{n}" for n in range(11)], [f"o{n}" for n in range(11)]),
}


def stored_and_loaded(make: Callable[[], keras.Model], folder: Path) -> tuple[keras.Model, Any]:
    keras.utils.set_random_seed(5)
    model = make()
    model.save(folder / "model.keras")
    return model, load_keras_model(folder / "model.keras").model


@pytest.mark.parametrize("make", NAMES, ids=lambda make: make.__name__)
def test_names_number_and_order_survive_every_mode(make: Callable[[], keras.Model], tmp_path: Path) -> None:
    model, loaded = stored_and_loaded(make, tmp_path)
    inputs, outputs = NAMES[make]
    assert (input_names(loaded), output_names(loaded)) == (inputs, outputs)
    generator = np.random.default_rng(0)
    arrays = [generator.standard_normal((200, *x.shape[1:])).astype(np.float32) for x in model.inputs]
    expected = keras.tree.flatten(model(keras.tree.pack_sequence_as(model.input, arrays)))
    given = dict(zip(inputs, arrays, strict=True))
    answers = run_keras_model(loaded, given)
    assert list(answers) == outputs
    lowered, _ = lower_keras_model(loaded, name="model.keras")
    ranges = calibrate(lowered, [{name: array[n : n + 1] for name, array in given.items()} for n in range(200)])
    for mode, io in VARIANTS:
        device = edgekit_runtime.load(quantize(lowered, mode, io=io, ranges=ranges))
        assert [info.name for info in device.inputs] == inputs
        assert [info.name for info in device.outputs] == outputs
        assert {info.dtype.name for info in (*device.inputs, *device.outputs)} == {io.value}
        received = device.predict(given if len(given) > 1 else arrays[0])
        received = received if isinstance(received, dict) else {outputs[0]: received}
        tolerance = {Mode.NONE: 1e-5, Mode.FLOAT16: 2e-3, Mode.INT4: 0.3}.get(mode, 0.06)
        for name, value in zip(outputs, map(np.asarray, expected), strict=True):
            assert np.allclose(answers[name], value, atol=1e-5), name
            assert np.abs(received[name] - value).max() <= tolerance * np.abs(value).max(), (mode, io, name)


def test_an_input_that_is_passed_through_is_exact_if_it_stays_in_float(tmp_path: Path) -> None:
    _, loaded = stored_and_loaded(an_input_passed_through, tmp_path)
    lowered, _ = lower_keras_model(loaded, name="model.keras")
    samples = np.random.default_rng(0).standard_normal((50, 6)).astype(np.float32)
    ranges = calibrate(lowered, [{"x": sample[None]} for sample in samples])
    device = edgekit_runtime.load(quantize(lowered, Mode.INT8, io=IoType.FLOAT32, ranges=ranges))
    assert np.array_equal(device.predict(samples)["same"], samples)


def test_repeated_names_get_the_first_free_number() -> None:
    assert unique_names(["d", "d", "d_1", "d", "e"]) == ["d", "d_2", "d_1", "d_3", "e"]


def test_arguments_are_ascii_and_unique_whatever_the_case() -> None:
    assert argument_names(["größe", "a-b", "a_b", "A_B", "1st", "字"]) == [
        "groe", "a_b", "a_b_1", "A_B_2", "input_1st", "layer_",
    ]  # fmt: skip
