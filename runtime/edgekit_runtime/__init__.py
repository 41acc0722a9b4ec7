"""Inference for .tflite models on a small device.

import edgekit_runtime

model = edgekit_runtime.load("model.tflite")
best = model.classify("digit.png")[0]
print(best.label, best.score)
"""

import importlib as _importlib
import typing as _typing

if _typing.TYPE_CHECKING:
    from edgekit_runtime.classification import Classification
    from edgekit_runtime.errors import EdgekitError
    from edgekit_runtime.inputs.preprocessing import Preprocessing
    from edgekit_runtime.loading import load
    from edgekit_runtime.model import Model
    from edgekit_runtime.model_summary import ModelSummary
    from edgekit_runtime.sound.streaming import Listening
    from edgekit_runtime.tflite.structure import read_model_description
    from edgekit_runtime.tflite.tflite_model import TfliteModel

__version__ = "0.1.0"

__all__ = [
    "Classification",
    "EdgekitError",
    "Listening",
    "Model",
    "ModelSummary",
    "Preprocessing",
    "TfliteModel",
    "load",
    "read_model_description",
]

_MODULE_OF = {
    "Classification": "classification",
    "EdgekitError": "errors",
    "Listening": "sound.streaming",
    "Model": "model",
    "ModelSummary": "model_summary",
    "Preprocessing": "inputs.preprocessing",
    "TfliteModel": "tflite.tflite_model",
    "load": "loading",
    "read_model_description": "tflite.structure",
}


def __getattr__(name: str) -> object:
    # Attributes are loaded on first use, so that importing only ``edgekit_runtime.errors`` does not load numpy.
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(_importlib.import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
