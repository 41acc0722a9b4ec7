"""The architecture that the user provides for a weights-only file."""

from __future__ import annotations

import importlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgekit_converters.keras_files.bounded_json import MAX_BYTES, require_bounded_values
from edgekit_converters.keras_files.description import Layer, is_layer
from edgekit_converters.keras_files.stored_weights import NamedArrays
from edgekit_runtime.errors import ModelFileError, UsageError

#: YAML of this size takes about a second to parse.
_MAX_YAML_BYTES = 1 << 20

_FORMS = "--architecture model.json | model.yaml | module:function | reference-cnn"


@dataclass(frozen=True, slots=True)
class Architecture:
    """A model's description from another source than the weights file.

    Attributes:
        config: The outermost model, ``{"class_name": ..., "config": ...}``.
        keras_version: The version that wrote it; "" if it is not stated.
    """

    config: Layer
    keras_version: str


def read_architecture(architecture: Any) -> Architecture:
    """Read an architecture in any of its forms.

    Args:
        architecture: The path of a ``model.to_json()`` or ``model.to_yaml()`` file; ``module:function``, which is
            imported and called, and returns a model; a model; or a description.
    Raises:
        UsageError: It is none of these, or the import failed.
        ModelFileError: The file does not contain the description of a model.
    """
    if isinstance(architecture, dict):
        return _from_description(architecture, "the architecture")
    if not isinstance(architecture, (str, Path)):
        return _from_model(architecture)
    path = Path(architecture)
    if path.suffix.lower() in (".json", ".yaml", ".yml"):
        return _from_description(_read_file(path), str(path))
    if ":" in str(architecture):
        return _from_model(_call(str(architecture)))
    raise UsageError(
        f"The architecture '{architecture}' is neither a file nor a function.",
        expected=_FORMS.removeprefix("--architecture "),
        received=str(architecture),
    )


def missing_architecture(name: str, weights: dict[str, NamedArrays]) -> ModelFileError:
    """Return the error for a weights-only file, which names the layers that the weights belong to."""
    layers = ", ".join(
        f"{layer} ({', '.join('×'.join(map(str, array.shape)) for _, array in arrays)})"
        for layer, arrays in weights.items()
        if arrays
    )
    return ModelFileError(
        f"{name} holds weights only, not the model that they belong to.",
        expected="a whole model, as model.save() writes it",
        received=f"weights of the layers {layers}" if layers else "no layers with weights",
        next_step=f"say which model it is: {_FORMS}",
    )


def names_by_order(stored: dict[str, NamedArrays], expected: list[str]) -> dict[str, str]:
    """Map stored layers to the architecture's names: by name, or by order if the names differ.

    Args:
        stored: The weights by the layer names in the file.
        expected: Names of the architecture's layers with weights, in their order.
    """
    names = [name for name, arrays in stored.items() if arrays]
    if set(names) <= set(expected) or len(names) != len(expected):
        return {}
    return dict(zip(names, expected, strict=True))


def _read_file(path: Path) -> Any:
    is_json = path.suffix.lower() == ".json"
    most = MAX_BYTES if is_json else _MAX_YAML_BYTES
    try:
        with path.open("rb") as file:
            content = file.read(most + 1)
        if len(content) > most:
            raise ModelFileError(f"{path} is too large for a description.", expected=f"at most {most} bytes")
        text = content.decode("utf8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"The architecture {path} could not be read.", received=str(error)) from error
    parsed = _read_json(text, path) if is_json else _read_yaml(text, path)
    require_bounded_values(parsed, str(path))
    return parsed


def _read_json(text: str, path: Path) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ModelFileError(
            f"{path} is not valid JSON.",
            expected="a description as model.to_json() writes it",
            received=str(error)[:200],
        ) from error


def _read_yaml(text: str, path: Path) -> Any:
    import yaml  # type: ignore[import-untyped]

    class PlainLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
        """Ignores ``<<``: objects that each merge the previous one twice would have 2^n keys."""

        def flatten_mapping(self, node: Any) -> None:
            pass

    try:
        return yaml.load(text, PlainLoader)
    # PyYAML does not wrap errors of values: a date that does not exist, an integer of 5,000 digits.
    except (yaml.YAMLError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise ModelFileError(
            f"{path} is not plain YAML.",
            expected="a description as model.to_yaml() wrote it",
            received=" ".join(str(error).split())[:200],
            next_step="write it again with model.to_json()",
        ) from error


def _call(reference: str) -> Any:
    module, _, function = reference.partition(":")
    try:
        return getattr(importlib.import_module(module), function)()
    except (ImportError, AttributeError) as error:
        raise UsageError(
            f"The architecture {reference} could not be imported.",
            expected="module:function, with the module importable from this folder",
            received=str(error),
        ) from error


def _from_model(model: Any) -> Architecture:
    if not hasattr(model, "get_config") or not hasattr(model, "layers"):
        raise UsageError("The architecture is not a Keras model.", received=type(model).__name__, expected=_FORMS)
    import keras

    return Architecture(keras.saving.serialize_keras_object(model), keras.__version__)


def _from_description(value: Any, name: str) -> Architecture:
    if not is_layer(value):
        raise ModelFileError(
            f"{name} does not describe a model.",
            expected="an object with 'class_name' and 'config', as model.to_json() writes it",
            received=type(value).__name__,
        )
    return Architecture(
        {key: value[key] for key in ("class_name", "config", "module") if key in value},
        str(value.get("keras_version", "")),
    )
