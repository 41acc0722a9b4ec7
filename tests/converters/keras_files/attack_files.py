"""Builds files that attack whoever opens them; every payload would leave a marker file.

The payloads are real: marshalled, pickled, linked. Nothing here runs them.
"""

from __future__ import annotations

import base64
import io
import json
import marshal
import pickle
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np

Description = dict[str, Any]


# ------------------------------------------------------------------------------------------------ payloads


def lambda_code(marker: Path) -> str:
    """The code of ``lambda x: open(marker, "w") and x``, as Keras stores it."""
    function = eval(f"lambda x: open({str(marker)!r}, 'w') and x")
    return base64.b64encode(marshal.dumps(function.__code__)).decode()


class _Pickled:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return open, (str(self.marker), "w")


def pickled(marker: Path) -> str:
    """A pickle that opens the marker for writing, in base64."""
    return base64.b64encode(pickle.dumps(_Pickled(marker))).decode()


# ------------------------------------------------------------------------------------------------ descriptions


def dense(name: str = "dense") -> Description:
    """A plain layer."""
    config = {"name": name, "units": 2, "activation": "linear", "use_bias": True, "batch_input_shape": [None, 3]}
    return {"class_name": "Dense", "config": config}


def dense_3(name: str = "dense") -> Description:
    """A plain layer as Keras 3 describes it."""
    config = {"name": name, "units": 2, "activation": "linear", "use_bias": True}
    return {"module": "keras.layers", "class_name": "Dense", "config": config, "registered_name": None}


def sequential(*layers: Description, **more: Any) -> Description:
    """A model of Keras 2."""
    return {"class_name": "Sequential", "config": {"name": "model", "layers": list(layers)}, **more}


def sequential_3(*layers: Description, **more: Any) -> Description:
    """A model of Keras 3."""
    first = {
        "module": "keras.layers",
        "class_name": "InputLayer",
        "config": {"batch_shape": [None, 3], "dtype": "float32", "name": "input"},
        "registered_name": None,
    }
    config = {"name": "model", "trainable": True, "layers": [first, *layers]}
    return {"module": "keras", "class_name": "Sequential", "config": config, "registered_name": None, **more}


def lambda_2(marker: Path, name: str = "lambda_1") -> Description:
    """A ``Lambda`` of Keras 2 with code."""
    config = {"name": name, "function": [lambda_code(marker), None, None], "function_type": "lambda", "arguments": {}}
    return {"class_name": "Lambda", "config": config}


def lambda_3(marker: Path, name: str = "lambda_1") -> Description:
    """A ``Lambda`` of Keras 2.13 and later with code."""
    code = {"code": lambda_code(marker), "defaults": None, "closure": None}
    config = {"name": name, "function": {"class_name": "__lambda__", "config": code}, "arguments": {}}
    return {"module": "keras.layers", "class_name": "Lambda", "config": config, "registered_name": None}


def function(module: str, name: str) -> Description:
    """A reference to a function."""
    return {"module": module, "class_name": "function", "config": name, "registered_name": "function"}


def lambda_calling(module: str, name: str, arguments: dict[str, Any]) -> Description:
    """A ``Lambda`` that names a function in place of carrying code."""
    config = {"name": "lambda_1", "function": function(module, name), "arguments": arguments}
    return {"module": "keras.layers", "class_name": "Lambda", "config": config, "registered_name": None}


# ------------------------------------------------------------------------------------------------ files


def write_weights(file: h5py.Group) -> None:
    """The weights of ``dense``, as an ``.h5`` has them."""
    group = file.create_group("model_weights")
    group.attrs["layer_names"] = [b"dense"]
    layer = group.create_group("dense")
    layer.attrs["weight_names"] = [b"dense/kernel:0", b"dense/bias:0"]
    layer["dense/kernel:0"] = np.ones((3, 2), np.float32)
    layer["dense/bias:0"] = np.zeros(2, np.float32)


def write_h5(path: Path, model: Description, training: Description | None = None) -> Path:
    """A whole ``.h5`` model of Keras 2."""
    with h5py.File(path, "w") as file:
        file.attrs["keras_version"] = "2.11.0"
        file.attrs["backend"] = "tensorflow"
        file.attrs["model_config"] = json.dumps(model)
        if training is not None:
            file.attrs["training_config"] = json.dumps(training)
        write_weights(file)
    return path


def weights_3(change: Any = None) -> bytes:
    """``model.weights.h5`` of Keras 3, changed by ``change(file)``."""
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        variables = file.create_group("layers/dense/vars")
        if change is None:
            variables["0"] = np.ones((3, 2), np.float32)
        else:
            change(variables)
        variables["1"] = np.zeros(2, np.float32)
    return buffer.getvalue()


def write_keras(
    path: Path, model: Description, weights: bytes | None = None, more: dict[str, bytes] | None = None
) -> Path:
    """A whole ``.keras`` zip of Keras 3."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("metadata.json", json.dumps({"keras_version": "3.8.0"}))
        archive.writestr("config.json", json.dumps(model))
        archive.writestr("model.weights.h5", weights if weights is not None else weights_3())
        for name, data in (more or {}).items():
            archive.writestr(name, data)
    return path
