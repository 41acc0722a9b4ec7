"""Models that are not one image in and one row of class scores out: each command sees what they are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

import edgekit_runtime
from edgekit.cli import cli
from edgekit_runtime.errors import TensorMismatchError
from edgekit_runtime.task import Kind

RANDOM = np.random.default_rng(0)


def edgekit(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [*map(str, arguments)])


def report(*arguments: object, exit_code: int = 0) -> dict[str, Any]:
    result = edgekit(*arguments, "--json")
    assert result.exit_code == exit_code, result.output
    return json.loads(result.stdout)


def kinds(task: dict[str, Any]) -> dict[str, str]:
    return {name: each["kind"] for ends in task.values() for name, each in ends.items()}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tasks")


@pytest.fixture(scope="module")
def steering(folder: Path) -> Path:
    """Two real values of sixteen readings, with float targets."""
    import keras

    keras.utils.set_random_seed(1)
    layers = [keras.layers.Dense(32, activation="relu"), keras.layers.Dense(2, name="steer")]
    model = keras.Sequential([keras.Input((16,), name="readings"), *layers])
    model.save(folder / "steer.keras")
    x = RANDOM.normal(size=(900, 16)).astype(np.float32)
    y = model.predict(x, verbose=0) * 20
    model.get_layer("steer").set_weights([each * 20 for each in model.get_layer("steer").get_weights()])
    model.save(folder / "steer.keras")
    np.savez(folder / "steer.npz", x=x, y=(y + RANDOM.normal(0, 3, y.shape)).astype(np.float32))
    np.savez(folder / "unlabelled.npz", x=x)
    return folder / "steer.keras"


@pytest.fixture(scope="module")
def steered(steering: Path, folder: Path) -> dict[str, Any]:
    options = ["--quantize", "int8", "--data", folder / "steer.npz", "--max-drop", "0.005"]
    return report("convert", steering, *options)


def test_two_values_with_float_targets_are_judged_by_r2(steered: dict[str, Any]) -> None:
    assert kinds(steered["task"]) == {"readings": "numbers", "steer": "values"}
    assert steered["task"]["outputs"]["steer"]["source"] == "data"
    budget = steered["budget"]
    assert (budget["metric"], budget["against"], budget["winner"]) == ("r2", "labels", "int8")
    assert budget["candidates"][0]["verdict"] == "kept"


def test_validate_check_and_devices_see_values_too(steered: dict[str, Any], folder: Path) -> None:
    validation = report(
        "validate", folder / "steer.keras", folder / "steer-int8.tflite", "--data", folder / "steer.npz"
    )
    assert kinds(validation["task"])["steer"] == "values"
    (output,) = validation["outputs"]
    assert output["classification"] is None
    assert output["regression"]["r2"]["worsening"] < 0.005
    # The file says what it is: without targets as well.
    unlabelled = report(
        "validate", folder / "steer.keras", folder / "steer-int8.tflite", "--data", folder / "unlabelled.npz"
    )
    assert kinds(unlabelled["task"])["steer"] == "values"
    assert unlabelled["agreement"]["top1_agreement"] is None


def test_a_regressor_classifies_nothing(steered: dict[str, Any], folder: Path) -> None:
    model = edgekit_runtime.load(folder / "steer-int8.tflite")
    assert model.task.outputs["steer"] == Kind("values", "file")
    with pytest.raises(TensorMismatchError, match="output steer of the kind values"):
        model.classify(np.zeros((4, 4), np.uint8))


def test_a_device_whose_values_are_five_times_too_large_fails(steered: dict[str, Any], folder: Path) -> None:
    from edgekit.devices.comparison import Tolerance, _difference, _failures
    from edgekit.parity.agreement import compare

    model = edgekit_runtime.load(folder / "steer-int8.tflite")
    with np.load(folder / "steer.npz") as data:
        expected = np.asarray(model.predict(data["x"][:100]))
    agreement = compare(expected, expected * 5, kind=model.task.outputs["steer"].name)
    assert _failures(_difference(model, 0, expected, expected * 5, agreement), Tolerance()) != []
    same = compare(expected, expected, kind=model.task.outputs["steer"].name)
    assert _failures(_difference(model, 0, expected, expected, same), Tolerance()) == []


def test_the_user_may_say_otherwise(steering: Path, folder: Path) -> None:
    options = ["--quantize", "dynamic", "--task", "classification", "-o", folder / "classes.tflite"]
    converted = report("convert", steering, *options)
    assert converted["task"]["outputs"]["steer"] == {"kind": "classes", "source": "user"}
    assert edgekit_runtime.load(folder / "classes.tflite").task.outputs["steer"].name == "classes"
    refused = edgekit("convert", steering, "--output-kind", "steer=mask")
    assert refused.exit_code == 2
    assert "cannot be of the kind mask" in refused.stderr
    unknown = edgekit("convert", steering, "--input", "picture=image")
    assert "The model has no input called picture" in unknown.stderr


def test_an_autoencoder_keeps_its_operators_in_int8(folder: Path) -> None:
    import keras

    keras.utils.set_random_seed(2)
    layers = [keras.layers.Conv1D(8, 3, padding="same", activation="relu"), keras.layers.Conv1D(12, 3, padding="same")]
    model = keras.Sequential([keras.Input((32, 12), name="series"), *layers])
    model.save(folder / "ae.keras")
    x = RANDOM.normal(size=(800, 32, 12)).astype(np.float32)
    np.savez(folder / "ae.npz", x=x)
    converted = report(
        "convert", folder / "ae.keras", "--quantize", "int8", "--data", folder / "ae.npz", "--max-drop", "0.01"
    )
    assert kinds(converted["task"])["series"] == "numbers"
    assert converted["budget"]["metric"] == "r2"
    assert converted["budget"]["winner"] == "int8"
    assert converted["budget"]["candidates"][0]["recipe"]["float_operators"] == []


def test_words_are_judged_and_the_state_is_only_compared(folder: Path) -> None:
    import keras

    keras.utils.set_random_seed(3)
    word, memory = keras.Input((1,), name="word"), keras.Input((48,), name="memory")
    embedded = keras.layers.Flatten()(keras.layers.Embedding(30, 16)(word))
    state = keras.layers.Dense(48, activation="tanh", name="state")(keras.layers.Concatenate()([embedded, memory]))
    words = keras.layers.Dense(30, activation="softmax", name="next")(state)
    keras.Model([word, memory], [words, state]).save(folder / "decoder.keras")
    rows = {"word": RANDOM.integers(0, 30, (900, 1)).astype(np.float32), "memory": RANDOM.normal(size=(900, 48))}
    np.savez(folder / "decoder.npz", **{name: values.astype(np.float32) for name, values in rows.items()})
    options = ["--quantize", "int8", "--data", folder / "decoder.npz", "--max-drop", "0.05"]
    converted = report("convert", folder / "decoder.keras", *options)
    found = kinds(converted["task"])
    assert found == {"word": "tokens", "memory": "numbers", "next": "classes", "state": "state"}
    assert converted["budget"]["metric"] == "agreement"
    thresholds = ["--min-agreement", "0.9"]
    data = ["--data", folder / "decoder.npz"]
    validation = report("validate", folder / "decoder.keras", folder / "decoder-int8.tflite", *data, *thresholds)
    words_out, state_out = validation["outputs"]
    assert words_out["classification"]["top1_agreement"] > 0.9
    assert (state_out["classification"], state_out["metrics"][0]["name"]) == (None, "snr")


def test_counts_of_a_time_series_stay_what_they_are(folder: Path) -> None:
    import keras

    keras.utils.set_random_seed(1)
    layers = [keras.layers.Conv1D(8, 3, activation="relu"), keras.layers.GlobalAveragePooling1D()]
    model = keras.Sequential([keras.Input((24, 4), name="x"), *layers, keras.layers.Dense(3, activation="softmax")])
    model.save(folder / "counts.keras")
    x = RANDOM.integers(0, 200, (300, 24, 4))
    y = model.predict(x.astype(np.float32), verbose=0).argmax(1)
    np.savez(folder / "counts.npz", x=x, y=y)
    converted = report("convert", folder / "counts.keras", "--quantize", "int8", "--data", folder / "counts.npz")
    assert kinds(converted["task"])["x"] == "numbers"
    assert converted["calibration"]["value_range"]["x"] == [0, 199]
    (score,) = converted["models"][0]["scores"]
    assert score["score"]["reference"] == 1.0
    assert score["score"]["candidate"] > 0.9


def test_a_pixel_range_belongs_to_the_image_wherever_it_comes(folder: Path) -> None:
    import keras

    keras.utils.set_random_seed(1)
    age, image = keras.Input((3,), name="age"), keras.Input((16, 16, 3), name="picture")
    pooled = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(8, 3, activation="relu")(image))
    merged = keras.layers.Concatenate()([keras.layers.Dense(4)(age), pooled])
    model = keras.Model([age, image], keras.layers.Dense(3, activation="softmax")(merged))
    model.save(folder / "second.keras")
    pixels = RANDOM.integers(0, 256, (300, 16, 16, 3)).astype(np.uint8)
    ages = RANDOM.normal(size=(300, 3)).astype(np.float32)
    y = model.predict([ages, pixels / 127.5 - 1], verbose=0).argmax(1)
    np.savez(folder / "second.npz", age=ages, picture=pixels, y=y)
    common = ["convert", folder / "second.keras", "--quantize", "int8", "--data", folder / "second.npz"]
    for option in ("--pixel-range=-1,1", "--pixel-range=picture=-1,1"):
        converted = report(*common, option)
        assert converted["pixel_ranges"] == {"picture": [-1, 1]}
        low, high = converted["calibration"]["value_range"]["picture"]
        assert (low, high) == pytest.approx((-1, 1), abs=0.01)
        assert converted["models"][0]["scores"][0]["score"]["reference"] == 1.0
    packed = edgekit_runtime.load(folder / "second-int8.tflite")
    assert packed.manifest.preprocessing["picture"].value_range == pytest.approx((-1, 1))
    assert packed.verify().passed
    refused = edgekit(*common, "--pixel-range=age=-1,1")
    assert refused.exit_code == 2
    assert "input age is numbers" in refused.stderr


def test_a_model_of_recordings_refuses_images(folder: Path) -> None:
    import keras

    keras.utils.set_random_seed(1)
    layers = [keras.layers.Conv1D(4, 64, strides=32, activation="relu"), keras.layers.GlobalAveragePooling1D()]
    model = keras.Sequential(
        [keras.Input((8000, 1), name="sound"), *layers, keras.layers.Dense(5, activation="softmax")]
    )
    model.save(folder / "words.keras")
    converted = report("convert", folder / "words.keras")
    assert kinds(converted["task"])["sound"] == "sound"
    assert converted["pixel_ranges"] == {}
    loaded = edgekit_runtime.load(folder / "words.tflite")
    assert loaded.preprocessing is None
    with pytest.raises(TensorMismatchError, match="input sound of the kind sound"):
        loaded.classify(np.zeros((64, 64), np.uint8))


def test_columns_of_very_different_ranges_stay_in_float(folder: Path) -> None:
    import keras
    from sklearn.datasets import load_breast_cancer

    data = load_breast_cancer()
    x, y = data.data.astype(np.float32), data.target
    keras.utils.set_random_seed(0)
    normalization = keras.layers.Normalization()
    normalization.adapt(x)
    layers = [normalization, keras.layers.Dense(16, activation="relu"), keras.layers.Dense(2, activation="softmax")]
    model = keras.Sequential([keras.Input((30,), name="cells"), *layers])
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(x, y, epochs=30, verbose=0)
    model.save(folder / "cancer.keras")
    np.savez(folder / "cancer.npz", x=x, y=y)
    result = edgekit(
        "convert", folder / "cancer.keras", "--quantize", "int8", "--data", folder / "cancer.npz", "--json"
    )
    assert result.exit_code == 0, result.output
    converted = json.loads(result.stdout)
    assert converted["calibration"]["wide_inputs"] == ["cells"]
    assert "The columns of input cells differ in range" in result.stderr
    (score,) = converted["models"][0]["scores"]
    assert score["score"]["reference"] > 0.93
    assert score["score"]["drop"] < 0.02


def test_a_ruined_model_ends_with_its_score_and_a_warning(folder: Path) -> None:
    import hostile_models

    hostile = hostile_models.concatenated_scales()
    hostile.keras_model.save(folder / "ruined.keras")
    np.savez(folder / "ruined.npz", x=hostile.inputs, y=hostile.targets)
    # Without the repair, which makes it as good as float32.
    options = ("--quantize", "int8", "--repair", "off", "--data", folder / "ruined.npz")
    result = edgekit("convert", folder / "ruined.keras", *options)
    assert result.exit_code == 0
    assert "int8: top1 9" in result.stdout
    last = result.stderr.strip().splitlines()[-1]
    assert last.startswith("Warning: int8 loses accuracy")
