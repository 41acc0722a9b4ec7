"""Replaces ``Lambda`` layers whose stored code is arithmetic by plain layers."""

from __future__ import annotations

from typing import Any

from edgekit_converters.keras_files.description import (
    Description,
    Layer,
    keras3_layer,
    layer_name,
    replacement_layer,
)
from edgekit_converters.keras_files.lambda_code.arithmetic import function_name, read_lambda
from edgekit_converters.keras_files.lambda_code.expressions import WHOLE_INPUT, Expression, as_affine, to_text
from edgekit_runtime.errors import UnsafeModelError

_KEPT = ("batch_input_shape", "input_dtype", "dtype")
_ACTIVATIONS = frozenset({"relu", "relu6", "sigmoid", "tanh", "softmax", "softplus", "softsign", "elu", "selu"})


def replace_lambdas(description: Description) -> bool:
    """Read each ``Lambda`` as arithmetic and note what was read; ``read_lambda`` rejects any other code."""
    changed = False
    for _, layer in description.layers():
        if layer["class_name"] != "Lambda":
            continue
        function = function_name(layer["config"])
        if function in description.custom_names:
            reference = {"class_name": "function", "config": function, "registered_name": function, "module": None}
            layer["config"]["function"] = reference
            continue
        try:
            expression = read_lambda(layer["config"])
        except UnsafeModelError:
            if not description.runs_code:
                raise
            _keep_code(layer)
            continue
        name = layer_name(layer)
        kept = {key: layer["config"][key] for key in _KEPT if key in layer["config"]}
        replacement = _plain_layer(expression, {"name": name})
        replacement["config"].update(kept)
        layer.update(replacement)
        description.notes.append(
            f"Lambda '{name}' was read as {to_text(expression)} and replaced by {layer['class_name']}."
        )
        changed = True
    return changed


def _plain_layer(expression: Expression, config: dict[str, Any]) -> Layer:
    affine = as_affine(expression)
    if affine is not None:
        return keras3_layer("Rescaling", {**config, "scale": affine[0], "offset": affine[1]})
    operation = expression.get("call") if isinstance(expression, dict) else None
    if operation in _ACTIVATIONS and expression["args"] == [WHOLE_INPUT] and not expression["kwargs"]:
        return keras3_layer("Activation", {**config, "activation": operation})
    return replacement_layer("Expression", {**config, "expression": expression})


def _keep_code(layer: Layer) -> None:
    """Convert the code to the form that Keras 3 runs."""
    config = layer["config"]
    function = config.get("function")
    if isinstance(function, list):
        code, defaults, closure = (*function, None, None)[:3]
        config["function"] = {
            "class_name": "__lambda__",
            "config": {"code": code, "defaults": defaults, "closure": closure},
        }
