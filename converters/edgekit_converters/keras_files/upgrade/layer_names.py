"""Layer names that Keras 3 or TensorFlow rejects: with slashes, non-ASCII characters, spaces and the like."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

from edgekit_converters.keras_files.description import Description, Layer, layer_name, model_layers
from edgekit_converters.keras_files.upgrade.call_nodes import tensors_of

#: Keras makes each layer a scope of TensorFlow's graph; these are the valid names of a scope.
_SCOPE = re.compile(r"[A-Za-z0-9.][A-Za-z0-9_.>-]*")


def plain_name(name: str) -> str:
    """Return the name if it is valid for a scope, otherwise a similar one: ``block1/größe`` becomes ``block1_groe``."""
    if _SCOPE.fullmatch(name):
        return name
    ascii_name = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    plain = re.sub(r"[^A-Za-z0-9_.>-]", "_", ascii_name)
    return plain if _SCOPE.fullmatch(plain) else f"layer_{plain}"


def make_names_plain(description: Description) -> bool:
    """Give layers names that are valid scopes, and record the original names of the outermost model's layers."""
    changed = False
    for path, model in description.models():  # lazily: a nested model already has its new path
        layers = model_layers(model)
        taken = {layer_name(layer) for layer in layers}
        new_names: dict[str, str] = {}
        for layer in layers:
            name = layer_name(layer)
            if plain_name(name) != name:
                new_names[name] = _free_name(plain_name(name), taken)
                _rename(layer, new_names[name])
        if new_names:
            _rename_references(model, new_names)
            description.rename_weights(path, new_names)
            changed = True
        if not path:
            description.source_names = {new: old for old, new in new_names.items()}
    return _rename_the_others(description) or changed


def _rename_the_others(description: Description) -> bool:
    """Rename the outermost model and wrapped layers, to which nothing refers by name."""
    changed = False
    for _, layer in [((), description.root), *description.layers()]:
        name = layer["config"].get("name") if isinstance(layer["config"], dict) else None
        if isinstance(name, str) and plain_name(name) != name:
            layer["config"]["name"] = plain_name(name)
            changed = True
    return changed


def _rename(layer: Layer, name: str) -> None:
    layer["config"]["name"] = name
    if "name" in layer:
        layer["name"] = name


def _free_name(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "_"
    taken.add(name)
    return name


def _rename_references(model: Layer, new_names: dict[str, str]) -> None:
    for layer in model_layers(model):
        for reference in tensors_of(layer.get("inbound_nodes", [])):
            history = reference["config"]["keras_history"]
            history[0] = new_names.get(history[0], history[0])

    def rename(ends: Any) -> Any:
        if isinstance(ends, dict):
            return {key: rename(inner) for key, inner in ends.items()}
        if isinstance(ends, list):
            return [rename(inner) for inner in ends]
        return new_names.get(ends, ends) if isinstance(ends, str) else ends

    for key in ("input_layers", "output_layers"):
        if key in model["config"]:
            model["config"][key] = rename(model["config"][key])
