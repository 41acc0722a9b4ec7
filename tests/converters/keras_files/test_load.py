"""Files of every era give the answers that the version which wrote them gave."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from edgekit_converters.keras_files.load import load_keras_model
from edgekit_runtime.errors import ModelFileError, UnsafeModelError, UsageError

FIXTURES = Path(__file__).parents[2] / "data/keras_eras"
FILES = sorted([*FIXTURES.glob("*.h5"), *FIXTURES.glob("*.keras")])


def _answers(path: Path) -> tuple[list[np.ndarray], list[np.ndarray]]:
    with np.load(path.with_suffix(".npz")) as arrays:
        inputs = [arrays[name] for name in sorted(arrays) if name.startswith("input_")]
        outputs = [arrays[name] for name in sorted(arrays) if name.startswith("output_")]
    return inputs, outputs


def _predict(model: Any, inputs: list[np.ndarray]) -> list[np.ndarray]:
    outputs = model(inputs if len(inputs) > 1 else inputs[0], training=False)
    outputs = outputs if isinstance(outputs, (list, tuple)) else [outputs]
    return [np.asarray(output) for output in outputs]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_answers_are_those_of_the_version_that_wrote_the_file(path: Path) -> None:
    inputs, expected = _answers(path)
    received = _predict(load_keras_model(path).model, inputs)
    assert [output.shape for output in received] == [output.shape for output in expected]
    # A model of mixed precision answered in float16's precision.
    tolerance = 1e-3 if "mixed" in path.name else 1e-4
    for mine, theirs in zip(received, expected, strict=True):
        assert np.abs(mine - theirs).max() <= tolerance * np.abs(theirs).max()


def test_fixtures_are_small() -> None:
    assert len(FILES) > 50
    assert [path.name for path in FILES if path.stat().st_size > 51_200] == []


def test_a_lambda_is_told() -> None:
    loaded = load_keras_model(FIXTURES / "keras1_tensorflow_lambdas.h5")
    assert loaded.notes == ("Lambda 'lambda_1' was read as x / 255.0 - 0.5 and replaced by Rescaling.",)
    assert "Lambda layers" in loaded.steps
    assert loaded.to_dict()["keras_version"] == "1.2.2"


@pytest.fixture
def weights_only(tmp_path: Path) -> tuple[Path, dict[str, Any], Path]:
    """A file of weights only, its description, and the whole model's file."""
    whole = FIXTURES / "keras231_tensorflow_separable.h5"
    path = tmp_path / "weights.h5"
    with h5py.File(whole) as source, h5py.File(path, "w") as target:
        description = json.loads(source.attrs["model_config"])
        group = source["model_weights"]
        for name in group:
            group.copy(name, target)
        for name, value in group.attrs.items():
            target.attrs[name] = value
    return path, description, whole


def test_weights_only_tells_its_layers(weights_only: tuple[Path, dict[str, Any], Path]) -> None:
    with pytest.raises(ModelFileError, match="holds weights only") as caught:
        load_keras_model(weights_only[0])
    assert "(3×3×3×2, 1×1×6×4, 4)" in caught.value.received
    assert "--architecture model.json" in caught.value.next_step


@pytest.mark.parametrize("form", ["json", "yaml", "description", "model", "function"])
def test_weights_only_with_an_architecture(
    form: str, weights_only: tuple[Path, dict[str, Any], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, description, whole = weights_only
    written = {**description, "keras_version": "2.3.1", "backend": "tensorflow"}
    match form:
        case "json":
            architecture: Any = tmp_path / "model.json"
            architecture.write_text(json.dumps(written))
        case "yaml":
            import yaml

            architecture = str(tmp_path / "model.yaml")
            Path(architecture).write_text(yaml.safe_dump(written))
        case "description":
            architecture = written
        case "model":
            import keras

            keras.backend.clear_session()
            architecture = load_keras_model(whole).model
        case "function":
            (tmp_path / "my_models.py").write_text(
                "from edgekit_converters.keras_files.load import load_keras_model\n"
                f"def build():\n    return load_keras_model({str(whole)!r}).model\n"
            )
            monkeypatch.syspath_prepend(tmp_path)
            architecture = "my_models:build"
    inputs, expected = _answers(whole)
    received = _predict(load_keras_model(path, architecture=architecture).model, inputs)
    np.testing.assert_allclose(received[0], expected[0], rtol=1e-4, atol=1e-5)


def test_layers_of_other_names_are_matched_in_their_order(
    weights_only: tuple[Path, dict[str, Any], Path],
) -> None:
    path, description, whole = weights_only
    for number, layer in enumerate(description["config"]["layers"]):
        layer["config"]["name"] = f"mine_{number}"
    inputs, expected = _answers(whole)
    received = _predict(load_keras_model(path, architecture=description).model, inputs)
    np.testing.assert_allclose(received[0], expected[0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("architecture", ["reference", "no_such_module:build", "json:no_such_function"])
def test_an_unknown_architecture_is_a_usage_error(
    architecture: str, weights_only: tuple[Path, dict[str, Any], Path]
) -> None:
    with pytest.raises(UsageError):
        load_keras_model(weights_only[0], architecture=architecture)


def _edit_weights(tmp_path: Path, edit: Any) -> Path:
    path = tmp_path / "edited.h5"
    shutil.copy(FIXTURES / "keras231_tensorflow_separable.h5", path)
    with h5py.File(path, "r+") as file:
        edit(file["model_weights"])
    return path


def test_weights_of_another_shape_name_the_layer(tmp_path: Path) -> None:
    def edit(weights: h5py.Group) -> None:
        group = weights["separable_conv2d_1"]
        name = group.attrs["weight_names"][0]
        del group[name]
        group[name] = np.zeros((5, 5, 3, 2), np.float32)

    with pytest.raises(ModelFileError, match="'separable_conv2d_1' don't fit") as caught:
        load_keras_model(_edit_weights(tmp_path, edit))
    assert caught.value.expected.startswith("(3, 3, 3, 2)")
    assert caught.value.received.startswith("(5, 5, 3, 2)")


def test_missing_weights_name_the_layer(tmp_path: Path) -> None:
    def edit(weights: h5py.Group) -> None:
        weights["separable_conv2d_1"].attrs["weight_names"] = np.array([], "S1")

    with pytest.raises(ModelFileError, match="'separable_conv2d_1' don't fit") as caught:
        load_keras_model(_edit_weights(tmp_path, edit))
    assert caught.value.received == "no weights"


def test_weights_left_over_are_named(tmp_path: Path) -> None:
    def edit(weights: h5py.Group) -> None:
        group = weights.create_group("stranger")
        group.attrs["weight_names"] = np.array([b"kernel"])
        group["kernel"] = np.zeros(3, np.float32)
        weights.attrs["layer_names"] = np.array([*weights.attrs["layer_names"], b"stranger"])

    with pytest.raises(ModelFileError, match="'stranger'"):
        load_keras_model(_edit_weights(tmp_path, edit))


@pytest.fixture
def open_model(tmp_path: Path) -> Path:
    """A model of images of any size."""
    import keras

    layers = [keras.layers.Conv2D(2, 3), keras.layers.GlobalAveragePooling2D()]
    model = keras.Sequential([keras.layers.Input((None, None, 3)), *layers])
    model.save(tmp_path / "open.keras")
    return tmp_path / "open.keras"


def test_an_open_input_shape_is_fixed(open_model: Path) -> None:
    assert load_keras_model(open_model).model.input_shape == (None, None, None, 3)
    assert load_keras_model(open_model, input_shape=(8, 9, 3)).model.input_shape == (None, 8, 9, 3)


@pytest.mark.parametrize("shape", [(8, 8), (8, 8, 1)], ids=str)
def test_an_input_shape_that_contradicts_is_refused(open_model: Path, shape: tuple[int, ...]) -> None:
    with pytest.raises(UsageError, match="doesn't fit") as caught:
        load_keras_model(open_model, input_shape=shape)
    assert caught.value.expected == "?,?,3"


def _with_layer(tmp_path: Path, class_name: str, config: dict[str, Any]) -> Path:
    """A file whose second layer is of another class."""
    path = tmp_path / "edited.h5"
    shutil.copy(FIXTURES / "keras231_tensorflow_volumes.h5", path)
    with h5py.File(path, "r+") as file:
        description = json.loads(file.attrs["model_config"])
        layer = description["config"]["layers"][-1]
        layer.update(class_name=class_name, config={"name": layer["config"]["name"], **config})
        file.attrs["model_config"] = json.dumps(description)
    return path


def test_a_custom_class_is_used_when_given(tmp_path: Path) -> None:
    import keras

    class Doubling(keras.layers.Layer):
        def call(self, inputs: Any) -> Any:
            return inputs * 2.0

    path = _with_layer(tmp_path, "Doubling", {})
    with pytest.raises(ModelFileError, match="Doubling"):
        load_keras_model(path)
    model = load_keras_model(path, custom_objects={"Doubling": Doubling}).model
    inputs, _ = _answers(FIXTURES / "keras231_tensorflow_volumes.h5")
    before = keras.Model(model.inputs, model.layers[-2].output)
    np.testing.assert_allclose(_predict(model, inputs)[0], 2 * _predict(before, inputs)[0], rtol=1e-6)


def test_a_custom_class_that_does_not_fit_is_named(tmp_path: Path) -> None:
    import keras

    class Other(keras.layers.Layer):
        def __init__(self, factor: float, **options: Any) -> None:
            super().__init__(**options)

    path = _with_layer(tmp_path, "Other", {})
    with pytest.raises(ModelFileError) as raised:
        load_keras_model(path, custom_objects={"Other": Other})
    assert "factor" in raised.value.received
    assert "code of Other" in raised.value.next_step


def test_a_lambda_that_is_code_runs_only_when_allowed(tmp_path: Path) -> None:
    import base64
    import marshal

    code = base64.b64encode(marshal.dumps((lambda x: next(iter([x])) * 3.0).__code__)).decode()
    path = _with_layer(tmp_path, "Lambda", {"function": [code, None, None], "function_type": "lambda"})
    with pytest.raises(UnsafeModelError, match="Lambda"):
        load_keras_model(path)
    assert type(load_keras_model(path, allow_unsafe=True).model.layers[-1]).__name__ == "Lambda"


@pytest.mark.parametrize(
    ("class_name", "next_step"),
    [("TextVectorization", "the first layer"), ("StringLookup", "the first layer"), ("Hashing", "remove this layer")],
)
def test_layers_of_text_and_hashes_at_the_end_are_refused_by_name(
    tmp_path: Path, class_name: str, next_step: str
) -> None:
    with pytest.raises(ModelFileError, match=class_name) as caught:
        load_keras_model(_with_layer(tmp_path, class_name, {}))
    assert next_step in caught.value.next_step


def test_renamed_containers_are_known_by_content(tmp_path: Path) -> None:
    """HDF5 under a ``.keras`` name, and a zip under ``.h5``."""
    for source, name in (("keras231_tensorflow_gru.h5", "a.keras"), ("tf215_zip_nested.keras", "b.h5")):
        shutil.copy(FIXTURES / source, tmp_path / name)
        inputs, expected = _answers(FIXTURES / source)
        received = _predict(load_keras_model(tmp_path / name).model, inputs)
        np.testing.assert_allclose(received[0], expected[0], rtol=1e-4, atol=1e-5)
