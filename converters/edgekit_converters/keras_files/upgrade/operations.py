"""Converts Keras 3's operations among the layers of functional models to the form that Keras 3.15 builds."""

from __future__ import annotations

from typing import Any

from edgekit_converters.keras_files.description import Description, Layer, layer_name, model_layers
from edgekit_converters.keras_files.description_bounds import MAX_TENSORS
from edgekit_converters.keras_files.keras_operations import OPERATIONS, RENAMED, public_function
from edgekit_converters.keras_files.upgrade.call_nodes import tensors_of
from edgekit_runtime.errors import ModelFileError

# Up to Keras 3.9 these arguments were passed with each call; now they belong to the operation.
_OLD_CALLS = {
    "Arange": ("start stop step dtype", "dtype"),
    "Array": ("x dtype", "dtype"),
    "DotProductAttention": ("query key value bias mask scale flash_attention", "flash_attention"),
    "Full": ("shape fill_value dtype", "shape dtype"),
    "FullLike": ("x fill_value dtype", "dtype"),
    "Isclose": ("x1 x2 rtol atol equal_nan", "equal_nan"),
    "OnesLike": ("x dtype", "dtype"),
    "Scatter": ("indices values shape", "shape"),
    "SearchSorted": ("sorted_sequence values side", "side"),
    "Slice": ("inputs start_indices shape", "shape"),
    "ZerosLike": ("x dtype", "dtype"),
}
# These belonged to the operation, and are now passed with each call.
_OLD_CONFIGS = {"RMSNorm": "scale"}
_RENAMED_ARGUMENTS = {"Threshold": {"threshold_value": "threshold", "value": "default_value"}}
# Removed arguments, with the only value that is equivalent to omitting them.
_GONE_ARGUMENTS: dict[str, dict[str, Any]] = {"FFT": {"axis": -1}}
# Arguments that set the number of tensors that an operation makes.
_COUNTS = {"Unstack": "num"} | dict.fromkeys(
    ("ArraySplit", "Dsplit", "Hsplit", "Split", "Vsplit"), "indices_or_sections"
)
# Arguments that JSON turns into lists, which Keras 3.15 does not accept.
_TUPLES = {"AdaptiveAveragePool": "output_size", "AdaptiveMaxPool": "output_size", "Histogram": "range"}
_WITHOUT_NAME = frozenset({"FakeQuantWithMinMaxVars"})
# Types that are replaced by float32, in which every layer computes, even in mixed or double precision models.
_OTHER_FLOATS = frozenset({"float16", "bfloat16", "float64"})
_REFUSED = {"ElasticTransform": "draws random numbers at every call, so the model has no reproducible predictions"}


def name_operations(description: Description) -> bool:
    """Give every operation its module in Keras, with the arguments that it has there.

    An ``.h5`` file of Keras 3 does not say that an operation is not a layer.
    """
    found = [
        layer
        for _, model in description.models()
        if not isinstance(model["config"], list)
        for layer in model_layers(model)
        if _is_stored_operation(layer, description)
    ]
    keeps_types = any(layer["class_name"] == "View" for layer in found)
    changed = [_rewrite(layer, keeps_types) for layer in found]
    return any(changed)


def _is_stored_operation(layer: Layer, description: Description) -> bool:
    module, config = str(layer.get("module") or ""), layer["config"]
    class_name = _class_name(layer)
    if class_name not in OPERATIONS or not isinstance(config, dict) or not layer.get("inbound_nodes"):
        return False
    if module:
        return module == OPERATIONS[class_name] or module.startswith("keras.src.ops.")
    # An .h5 file names no modules. Layers with the same name, such as Add, store whether they are trainable.
    is_custom = class_name in description.custom_names or ">" in str(layer.get("registered_name"))
    return description.era > 2 and "trainable" not in config and not is_custom


def _class_name(layer: Layer) -> str:
    name = str(layer["class_name"])
    return RENAMED.get(name, name)


def _rewrite(layer: Layer, keeps_types: bool) -> bool:
    class_name = _class_name(layer)
    if class_name in _REFUSED:
        raise ModelFileError(
            f"Operation '{layer_name(layer)}' ({public_function(class_name)}) {_REFUSED[class_name]}.",
            next_step="save the model without this operation: it only serves training",
        )
    if not all(any(True for _ in tensors_of([node["args"], node["kwargs"]])) for node in layer["inbound_nodes"]):
        # Keras never stores such a call: it would be computed, at any size, while the model is built.
        raise ModelFileError(
            f"Operation '{layer_name(layer)}' ({public_function(class_name)}) is called without a tensor.",
            next_step="save the model again, in the Keras that wrote it",
        )
    count = layer["config"].get(_COUNTS.get(class_name, ""))
    if isinstance(count, int) and count > MAX_TENSORS:
        raise ModelFileError(
            f"Operation '{layer_name(layer)}' ({public_function(class_name)}) makes {count} tensors.",
            expected=f"at most {MAX_TENSORS}",
            next_step="build the model with fewer parts",
        )
    changed = layer.get("module") != OPERATIONS[class_name] or layer["class_name"] != class_name
    layer.update(class_name=class_name, module=OPERATIONS[class_name], registered_name=None)
    if class_name not in _WITHOUT_NAME:  # If the config lacks the name, Keras would make up another one.
        layer["config"].setdefault("name", layer_name(layer))
    changed |= _rename_arguments(layer)
    changed |= _move_arguments(layer)
    if not keeps_types:
        for key in ("config", "inbound_nodes"):
            stored, layer[key] = layer[key], _in_float32(layer[key])
            changed |= layer[key] != stored
    argument = _TUPLES.get(class_name, "")
    if isinstance(layer["config"].get(argument), list):
        layer["config"][argument] = tuple(layer["config"][argument])
    return changed


def _rename_arguments(layer: Layer) -> bool:
    config, class_name = layer["config"], layer["class_name"]
    names = {old: new for old, new in _RENAMED_ARGUMENTS.get(class_name, {}).items() if old in config}
    for old, new in names.items():
        config[new] = config.pop(old)
    gone = {name: value for name, value in _GONE_ARGUMENTS.get(class_name, {}).items() if name in config}
    for name, value in gone.items():
        if config.pop(name) != value:
            raise ModelFileError(
                f"Operation '{layer_name(layer)}' ({public_function(class_name)}) has the argument '{name}', "
                "which Keras 3.15 no longer has."
            )
    return bool(names or gone)


def _move_arguments(layer: Layer) -> bool:
    """Move arguments from the call to the operation, or the other way round."""
    config, class_name = layer["config"], layer["class_name"]
    argument = _OLD_CONFIGS.get(class_name)
    if argument in config:
        value = config.pop(argument)
        for node in layer["inbound_nodes"]:
            node["kwargs"][argument] = value
        return True
    parameters, moved = (names.split() for names in _OLD_CALLS.get(class_name, ("", "")))
    if not moved or any(name in config for name in moved):
        return False
    given = []
    for node in layer["inbound_nodes"]:
        arguments = {**dict(zip(parameters, node["args"], strict=False)), **node["kwargs"]}
        given.append({name: arguments.pop(name) for name in moved if name in arguments})
        node["args"], node["kwargs"] = [], arguments
    if any(values != given[0] for values in given):
        raise ModelFileError(f"Operation '{layer_name(layer)}' is called with different arguments in different calls.")
    config.update(given[0])
    return True


def _in_float32(value: Any) -> Any:
    """Replace other floating-point types wherever a ``dtype`` is given."""
    if isinstance(value, dict):
        return {
            key: "float32"
            if key == "dtype" and isinstance(inner, str) and inner in _OTHER_FLOATS
            else _in_float32(inner)
            for key, inner in value.items()
        }
    if isinstance(value, list) and any(isinstance(inner, (dict, list)) for inner in value):
        return [_in_float32(inner) for inner in value]
    return value
