"""Every published file of ``../shared/models``: the answers of an independent loader, or refused as expected.

The oracles: tf_keras for files of Keras 2, Keras's own loader for those of Keras 3, numpy for those of Keras 1.
They see only files that the scan has passed; a ``Lambda`` is replaced in the oracle's description too.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from edgekit_converters.keras_files.load import load_keras_model
from edgekit_runtime.errors import ModelFileError

INDEX = Path(__file__).resolve().parents[4] / "shared/models/index.json"
ENTRIES = json.loads(INDEX.read_text()) if INDEX.exists() else []
CONVERTIBLE = [entry for entry in ENTRIES if entry["expected"].startswith("converts")]
REFUSED = [entry for entry in ENTRIES if not entry["expected"].startswith("converts")]

#: What each Lambda of these files computes, read by eye from its source text.
LAMBDAS: dict[str, tuple[float, float]] = {
    "010": (1 / 127.5, -1.0),
    "118": (1 / 127.5, -1.0),
    "090": (1.0, 1e-7),
}
#: Written on Theano: its kernels are flipped, which tf_keras doesn't know.
THEANO = ("043",)


def _id(entry: dict[str, Any]) -> str:
    return str(entry["file"])[:3]


def test_the_folder_is_complete(shared_models: Path) -> None:
    assert {entry["file"] for entry in ENTRIES} == {path.name for path in shared_models.iterdir()} - {"index.json"}


@pytest.mark.parametrize("entry", CONVERTIBLE, ids=_id)
def test_answers_are_those_of_an_independent_loader(entry: dict[str, Any], shared_models: Path) -> None:
    path = shared_models / entry["file"]
    model = load_keras_model(path).model
    inputs = _inputs(model)
    oracle = {"1": _answers_in_numpy, "2": _answers_of_tf_keras, "3": _answers_of_keras}[entry["keras_version"][0]]
    expected = np.asarray(oracle(path, inputs))
    received = np.asarray(model.predict(inputs if len(inputs) > 1 else inputs[0], verbose=0))
    assert received.shape == expected.shape
    assert np.abs(received - expected).max() <= 1e-4 * np.abs(expected).max()


@pytest.mark.parametrize("entry", REFUSED, ids=_id)
def test_refused_for_the_reason_in_the_index(entry: dict[str, Any], shared_models: Path) -> None:
    with pytest.raises(ModelFileError) as caught:
        load_keras_model(shared_models / entry["file"])
    reason = entry["expected"].removeprefix("refused: ")
    name = "weights only" if reason == "weights only" else reason.split(",")[0].split()[-1]
    assert name in str(caught.value)


def _inputs(model: Any) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    indices = [layer.input_dim for layer in model.layers if type(layer).__name__ == "Embedding"]
    inputs = []
    for tensor in model.inputs:
        shape = (2, *(size or 32 for size in tensor.shape[1:]))
        if indices:
            values = rng.integers(1, min(indices), shape)
            values[:, shape[1] * 2 // 3 :] = 0  # padding, which masks apply to
        elif len(shape) == 4:
            # One picture of 0 to 255 and one of 0 to 1: whichever the model expects, it isn't saturated by both.
            values = rng.random(shape) * np.reshape([255, 1], (2, 1, 1, 1))
        else:
            values = rng.standard_normal(shape)
        inputs.append(values.astype(np.float32))
    return inputs


def _answers_of_keras(path: Path, inputs: list[np.ndarray]) -> Any:
    import keras

    # Keras cannot read an operation from its own .h5 without being told what it is.
    known = {"NotEqual": keras.src.ops.numpy.NotEqual}
    model = keras.saving.load_model(path, compile=False, safe_mode=True, custom_objects=known)
    return model.predict(inputs if len(inputs) > 1 else inputs[0], verbose=0)


def _answers_of_tf_keras(path: Path, inputs: list[np.ndarray]) -> Any:
    tf_keras = pytest.importorskip("tf_keras", reason="an oracle of the dev extra")
    from tf_keras.src.saving.legacy import hdf5_format

    zipped = zipfile.is_zipfile(path)
    if zipped:
        with zipfile.ZipFile(path) as archive:
            description = json.loads(archive.read("config.json"))
            description.pop("compile_config", None)
            weights = h5py.File(io.BytesIO(archive.read("model.weights.h5")))
    else:
        weights = h5py.File(path)
        description = json.loads(weights.attrs["model_config"])
    _make_plain(description, path.name[:3])
    if zipped:
        model = tf_keras.saving.deserialize_keras_object(description)
        _set_by_class(model, weights)
    else:
        model = tf_keras.models.model_from_json(json.dumps(description))
        hdf5_format.load_weights_from_hdf5_group(weights["model_weights"], model)
    if path.name[:3] in THEANO:
        for layer in model.layers:
            if type(layer).__name__ == "Conv1D":
                kernel, bias = layer.get_weights()
                layer.set_weights([kernel[::-1], bias])
    return model.predict(inputs if len(inputs) > 1 else inputs[0], verbose=0)


def _make_plain(value: Any, file: str) -> None:
    """Replace Lambdas by what they compute; tf_keras no longer takes an Embedding of the dtype int32."""
    if isinstance(value, list):
        for part in value:
            _make_plain(part, file)
    elif isinstance(value, dict):
        if value.get("class_name") == "Lambda":
            scale, offset = LAMBDAS[file]
            kept = {key: value["config"][key] for key in ("name", "batch_input_shape") if key in value["config"]}
            value.update(class_name="Rescaling", config={**kept, "scale": scale, "offset": offset})
        if value.get("class_name") == "Embedding":
            value["config"]["dtype"] = "float32"
        for part in value.values():
            _make_plain(part, file)


def _set_by_class(model: Any, weights: h5py.File) -> None:
    """Set the weights of a zip of Keras 2.13 or 2.15: the groups of a class are in the order of its layers.

    tf_keras itself finds neither the groups of 2.13 nor those that Windows named with backslashes.
    """
    arrays: dict[str, np.ndarray] = {}

    def collect(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and not name.startswith("optimizer"):
            arrays[name.replace("\\", "/")] = np.asarray(item)

    weights.visititems(collect)
    kinds = {
        "Conv2D": "conv2d",
        "DepthwiseConv2D": "depthwise_conv2d",
        "Conv1D": "conv1d",
        "Dense": "dense",
        "LayerNormalization": "layer_normalization",
    }
    for kind, key in kinds.items():
        found = sorted(
            {name.split("/")[1] for name in arrays if name.split("/")[1].rstrip("0123456789").rstrip("_") == key},
            key=lambda group: int(group.removeprefix(key).lstrip("_") or 0),
        )
        layers = [layer for layer in model.layers if type(layer).__name__ == kind]
        assert len(found) == len(layers)
        for group, layer in zip(found, layers, strict=True):
            prefix = next(name.split("/")[0] for name in arrays)
            layer.set_weights([arrays[f"{prefix}/{group}/vars/{n}"] for n in range(len(layer.weights))])
    for layer in model.layers:
        if type(layer).__name__ == "MultiHeadAttention":
            prefix = "layers/multi_head_attention"
            layer.set_weights(
                [
                    arrays[f"{prefix}/_{part}_dense/vars/{n}"]
                    for part in ("query", "key", "value", "output")
                    for n in range(2)
                ]
            )


def _answers_in_numpy(path: Path, inputs: list[np.ndarray]) -> np.ndarray:
    """A forward pass through a Sequential of Keras 1 with channels last, in numpy alone."""
    x = inputs[0].astype(np.float64)
    with h5py.File(path) as file:
        for layer in json.loads(file.attrs["model_config"])["config"]:
            group = file["model_weights"][layer["config"]["name"]]
            weights = [np.asarray(group[name], np.float64) for name in group.attrs["weight_names"]]
            x = _LAYERS_IN_NUMPY[layer["class_name"]](path.name[:3], layer["config"], weights, x)
            x = _ACTIVATIONS[layer["config"].get("activation", "linear")](x)
    return x


def _convolve(file: str, config: dict[str, Any], weights: list[np.ndarray], x: np.ndarray) -> np.ndarray:
    kernel, bias = weights
    assert config["dim_ordering"] == "tf"
    rows, columns = kernel.shape[:2]
    if config["border_mode"] == "same":
        assert config["subsample"] == [1, 1]
        x = np.pad(x, ((0, 0), ((rows - 1) // 2, rows // 2), ((columns - 1) // 2, columns // 2), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(x, (rows, columns), axis=(1, 2))
    windows = windows[:, :: config["subsample"][0], :: config["subsample"][1]]
    return np.einsum("bijcrs,rscf->bijf", windows, kernel, optimize=True) + bias


def _rescale(file: str, config: dict[str, Any], weights: list[np.ndarray], x: np.ndarray) -> np.ndarray:
    scale, offset = LAMBDAS[file]
    return x * scale + offset


def _elu(x: np.ndarray) -> np.ndarray:
    return np.where(x > 0, x, np.expm1(np.minimum(x, 0)))


def _softmax(x: np.ndarray) -> np.ndarray:
    powers = np.exp(x - x.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


_ACTIVATIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "linear": lambda x: x,
    "relu": lambda x: np.maximum(x, 0),
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "softmax": _softmax,
}
_LAYERS_IN_NUMPY: dict[str, Callable[[str, dict[str, Any], list[np.ndarray], np.ndarray], np.ndarray]] = {
    "Convolution2D": _convolve,
    "Lambda": _rescale,
    "ELU": lambda file, config, weights, x: _elu(x),
    "Dropout": lambda file, config, weights, x: x,
    "Flatten": lambda file, config, weights, x: x.reshape(len(x), -1),
    "Dense": lambda file, config, weights, x: x @ weights[0] + weights[1],
}
