"""edgekit: converts a Keras model for a small device and proves that it still works there.

>>> import edgekit
>>> conversion = edgekit.convert("model.h5", quantize="int8", data="photos/", max_drop=0.005)
>>> edgekit.validate("model.h5", "model-int8.tflite", data="photos/").passed
True

The names in ``__all__`` are public and keep their meaning; everything else may change in any release. Each name is
loaded on first use, so that importing edgekit is fast.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edgekit.api.checking import check, update_baseline
    from edgekit.api.converting import convert
    from edgekit.api.converting_pairs import convert_pair
    from edgekit.api.data import load_data
    from edgekit.api.inspecting import inspect
    from edgekit.api.validating import validate
    from edgekit.artifacts.inspecting import TargetChecks, TfliteInspection
    from edgekit.conversion.result import Conversion, ConvertedModel
    from edgekit.datasets.dataset import Dataset
    from edgekit.parity.validation import Validation
    from edgekit.regression.results import BaselineUpdate, CheckResult
    from edgekit.sequences.result import PairConversion
    from edgekit_converters.exported_programs.program import Program
    from edgekit_converters.keras_files.summary import KerasFileSummary
    from edgekit_converters.saved_models.summary import SavedModelSummary
    from edgekit_runtime.errors import (
        ArgumentTypeError,
        BelowThresholdError,
        ConversionError,
        DataError,
        EdgekitError,
        InterpreterError,
        ModelFileError,
        TensorMismatchError,
        UnsafeModelError,
        UsageError,
    )

__version__ = "0.1.0"

__all__ = [
    "ArgumentTypeError",
    "BaselineUpdate",
    "BelowThresholdError",
    "CheckResult",
    "Conversion",
    "ConversionError",
    "ConvertedModel",
    "DataError",
    "Dataset",
    "EdgekitError",
    "InterpreterError",
    "KerasFileSummary",
    "ModelFileError",
    "PairConversion",
    "Program",
    "SavedModelSummary",
    "TargetChecks",
    "TensorMismatchError",
    "TfliteInspection",
    "UnsafeModelError",
    "UsageError",
    "Validation",
    "__version__",
    "check",
    "convert",
    "convert_pair",
    "inspect",
    "load_data",
    "update_baseline",
    "validate",
]

_ERRORS = "edgekit_runtime.errors"
#: Module in which each public name is defined.
_MODULES = {
    "convert": "edgekit.api.converting",
    "convert_pair": "edgekit.api.converting_pairs",
    "PairConversion": "edgekit.sequences.result",
    "Conversion": "edgekit.conversion.result",
    "ConvertedModel": "edgekit.conversion.result",
    "check": "edgekit.api.checking",
    "update_baseline": "edgekit.api.checking",
    "CheckResult": "edgekit.regression.results",
    "BaselineUpdate": "edgekit.regression.results",
    "load_data": "edgekit.api.data",
    "inspect": "edgekit.api.inspecting",
    "validate": "edgekit.api.validating",
    "Validation": "edgekit.parity.validation",
    "Dataset": "edgekit.datasets.dataset",
    "TfliteInspection": "edgekit.artifacts.inspecting",
    "TargetChecks": "edgekit.artifacts.inspecting",
    "KerasFileSummary": "edgekit_converters.keras_files.summary",
    "SavedModelSummary": "edgekit_converters.saved_models.summary",
    "Program": "edgekit_converters.exported_programs.program",
    "ArgumentTypeError": _ERRORS,
    "BelowThresholdError": _ERRORS,
    "ConversionError": _ERRORS,
    "DataError": _ERRORS,
    "EdgekitError": _ERRORS,
    "InterpreterError": _ERRORS,
    "ModelFileError": _ERRORS,
    "TensorMismatchError": _ERRORS,
    "UnsafeModelError": _ERRORS,
    "UsageError": _ERRORS,
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    value = getattr(importlib.import_module(_MODULES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
