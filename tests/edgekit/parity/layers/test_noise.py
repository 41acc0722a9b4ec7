"""The noise of each layer: which tensor stands for it, and how far that is from what Keras gives."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from edgekit.cli import cli
from edgekit.parity.layers.keras import record_layers
from edgekit.parity.layers.noise import LayerNoise, compare_layers, worst_first
from edgekit_converters.lowering.keras.model import lower_keras_model
from edgekit_converters.lowering.keras.signature import input_names
from edgekit_converters.quantization.modes import Mode
from edgekit_converters.quantization.quantize import quantize
from edgekit_converters.tensor_values import TensorValues
from edgekit_runtime.tflite.tflite_model import TfliteModel


def noise_of(model: Any, mode: Mode, inputs: list[np.ndarray]) -> dict[str, LayerNoise]:
    """Each layer's noise by name, in order of noise."""
    float_model, _ = lower_keras_model(model, name="test")
    candidate = quantize(float_model, mode)
    batch = dict(zip(input_names(model), inputs, strict=True))
    return {layer.layer: layer for layer in compare_layers(model, float_model, candidate, [batch])}


@pytest.fixture(scope="module")
def branches() -> Any:
    """Fused batch normalization, a shared layer, a model within the model, dropout, two inputs."""
    import keras

    keras.utils.set_random_seed(3)
    left, right = keras.Input((8, 8, 2), name="left"), keras.Input((8, 8, 2), name="right")
    shared = keras.layers.Conv2D(4, 3, name="shared")
    inner = keras.Sequential([keras.Input((6, 6, 4)), keras.layers.ReLU(name="clip"), keras.layers.Dropout(0.5)])
    merged = keras.layers.Add(name="sum")([inner(shared(left)), inner(shared(right))])
    convolved = keras.layers.Conv2D(4, 3, use_bias=False, name="plain")(merged)
    normal = keras.layers.BatchNormalization(name="normal")(convolved)
    flat = keras.layers.Flatten(name="flat")(keras.layers.ReLU(name="ramp")(normal))
    return keras.Model([left, right], keras.layers.Dense(3, activation="softmax", name="kind")(flat))


@pytest.fixture(scope="module")
def pair() -> list[np.ndarray]:
    generator = np.random.default_rng(5)
    return [generator.standard_normal((8, 8, 8, 2)).astype(np.float32) for _ in range(2)]


def test_layers_are_recorded_in_order_with_the_models_they_are_in(branches: Any, pair: list[np.ndarray]) -> None:
    names = [layer.name for layer in record_layers(branches, pair)]
    inner = next(name.partition("/")[0] for name in names if "/clip" in name)
    # Dropout gives on what it gets, and is left out; what is called twice has a number.
    assert sorted(names[:4]) == sorted(["shared", "shared (2)", f"{inner}/clip", f"{inner}/clip (2)"])
    assert names[4:] == ["sum", "plain", "normal", "ramp", "flat", "kind"]
    assert all("call" not in vars(layer) for layer in branches._flatten_layers())


def test_the_float_form_holds_every_layer_that_was_not_fused(branches: Any, pair: list[np.ndarray]) -> None:
    noise = noise_of(branches, Mode.NONE, pair)
    fused = {name for name, layer in noise.items() if layer.tensor is None}
    # The convolution's own output is in no tensor: normalization and ramp are folded into it.
    assert {"plain", "normal"} <= fused
    for name in ("sum", "ramp", "flat", "kind"):
        assert noise[name].snr_db > 100, name
        assert noise[name].scale is None
        assert noise[name].clipped is None
    # Layers without a tensor come last.
    assert [layer.tensor is None for layer in noise.values()] == sorted(
        layer.tensor is None for layer in noise.values()
    )


def test_figures_worked_by_hand() -> None:
    import keras

    model = keras.Sequential([keras.Input((2,), name="x"), keras.layers.Dense(1, use_bias=False, name="only")])
    model.layers[0].set_weights([np.array([[1.0], [0.5]], np.float32)])
    changed = keras.Sequential([keras.Input((2,), name="x"), keras.layers.Dense(1, use_bias=False, name="only")])
    changed.layers[0].set_weights([np.array([[1.0], [0.4]], np.float32)])
    inputs = np.array([[1, 2], [2, 0], [0, -2]], np.float32)
    (layer,) = compare_layers(
        model, lower_keras_model(model, name="a")[0], lower_keras_model(changed, name="b")[0], [{"x": inputs}]
    )
    # Keras gives 2, 2, -1: signal 9. The other gives 1.8, 2, -0.8: noise 0.08.
    assert layer.snr_db == pytest.approx(10 * np.log10(9 / 0.08), abs=1e-3)
    assert (layer.minimum, layer.maximum) == (-1.0, 2.0)


def test_the_early_layer_that_adds_noise_comes_before_the_late_ones_that_inherit_it() -> None:
    import keras

    def build(first: float) -> Any:
        names = ("early", "middle", "late")
        layers = [keras.layers.Dense(2, activation="relu", name=name) for name in names]
        model = keras.Sequential([keras.Input((2,), name="x"), *layers])
        # The differences of the later layers cancel much of the signal, and none of the noise.
        weights = ([[1, 0.1], [0.2, first]], [[1, -0.75], [-0.9, 1]], [[1, -0.5], [-0.2, 1]])
        for layer, kernel in zip(layers, weights, strict=True):
            layer.set_weights([np.array(kernel, np.float32), np.zeros(2, np.float32)])
        return model

    inputs = np.random.default_rng(2).uniform(0.98, 1.02, (8, 2)).astype(np.float32)
    model = build(1.0)
    float_model, changed = (lower_keras_model(each, name="m")[0] for each in (model, build(0.99)))
    found = compare_layers(model, float_model, changed, [{"x": inputs}])
    noise = {layer.layer: layer for layer in found}
    assert found[0].layer == "early"
    assert noise["early"].added_snr_db == noise["early"].snr_db < 50
    # By the noise that they have, inherited noise included, the late layers would come first.
    for name in ("middle", "late"):
        assert noise[name].snr_db < noise["early"].snr_db
        assert noise[name].added_snr_db > 100


def test_clipping_is_counted(trained_folder: Path, variants_folder: Path) -> None:
    from edgekit_converters.keras_files.load import load_keras_model

    model = load_keras_model(trained_folder / "model.h5").model
    plain, int8 = (TfliteModel((variants_folder / f"model-{mode}.tflite").read_bytes()) for mode in ("none", "int8"))
    pixels = np.random.default_rng(0).random((8, 28, 28, 1), np.float32)
    name = input_names(model)[0]
    # Keras numbers the names of layers on through a process.
    first = model.layers[0].name
    usual = {layer.layer: layer for layer in compare_layers(model, plain, int8, [{name: pixels}])}[first]
    # Three times as bright as anything calibration saw.
    bright = {layer.layer: layer for layer in compare_layers(model, plain, int8, [{name: 3 * pixels}])}[first]
    assert bright.clipped > 0.1 > usual.clipped
    assert bright.snr_db < usual.snr_db - 10


def validate(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["validate", *map(str, arguments)])


def test_the_command_shows_every_layer_worst_first(trained_folder: Path, variants_folder: Path, tmp_path: Path) -> None:
    files = [trained_folder / "model.h5", variants_folder / "model-int8.tflite", "--data", "digits"]
    result = validate(*files, "--layers", "--layers-figure", tmp_path / "noise.png", "--json")
    assert result.exit_code == 0, result.output
    layers = json.loads(result.stdout)["layers"]
    kinds = sorted(layer["kind"] for layer in layers)
    assert kinds == ["Conv2D"] * 3 + ["Dense"] * 2 + ["Flatten"] + ["MaxPooling2D"] * 2
    assert [layer["added_snr_db"] for layer in layers] == sorted(layer["added_snr_db"] for layer in layers)
    for layer in layers:
        assert layer["dtype"] == "int8"
        assert 20 < layer["snr_db"] < 80
        assert 0 <= layer["clipped"] < 0.2
    assert len({layer["index"] for layer in layers}) == len(layers)
    assert (tmp_path / "noise.png").read_bytes().startswith(b"\x89PNG")
    table = validate(*files, "--layers")
    assert "Noise of each layer, most added first" in table.stdout
    assert all(layer["layer"] in table.stdout for layer in layers)


def test_a_tflite_has_no_layers(variants_folder: Path) -> None:
    plain, int8 = (variants_folder / f"model-{mode}.tflite" for mode in ("none", "int8"))
    result = validate(plain, int8, "--data", "digits", "--layers")
    assert result.exit_code == 2
    assert "--layers needs the Keras model" in result.stderr


def test_layers_without_a_tensor_come_last() -> None:
    def layer(name: str, added_snr_db: float | None) -> LayerNoise:
        return LayerNoise(name, "Dense", None, None, None, 10.0, added_snr_db, 0.0, 1.0, None, None, None)

    given = [layer("fused", None), layer("good", 40.0), layer("bad", -3.0)]
    assert [each.layer for each in worst_first(given)] == ["bad", "good", "fused"]


def test_a_tflite_of_one_example_has_the_same_noise_beside_batches_of_keras() -> None:
    import keras

    keras.utils.set_random_seed(4)
    model = keras.Sequential([keras.Input((5, 3)), keras.layers.LSTM(6), keras.layers.Dense(2, name="end")])
    float_model, _ = lower_keras_model(model, name="test")
    candidate = quantize(float_model, Mode.DYNAMIC)
    assert TensorValues(candidate).batch == 1
    (name,) = input_names(model)
    values = np.random.default_rng(4).standard_normal((8, 5, 3)).astype(np.float32)
    together = compare_layers(model, float_model, candidate, [{name: values}])
    one_by_one = compare_layers(model, float_model, candidate, [{name: row[np.newaxis]} for row in values])
    assert {layer.layer for layer in together if layer.tensor} >= {"end"}
    for first, second in zip(together, one_by_one, strict=True):
        assert (first.layer, first.tensor, first.index) == (second.layer, second.tensor, second.index)
        assert first.snr_db == pytest.approx(second.snr_db, abs=0.01)
        assert first.added_snr_db == pytest.approx(second.added_snr_db, abs=0.01)
