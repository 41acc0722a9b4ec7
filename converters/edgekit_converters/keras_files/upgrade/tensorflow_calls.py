"""Replaces raw TensorFlow calls in functional models by ``Expression`` layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from edgekit_converters.keras_files.description import (
    Description,
    Layer,
    layer_name,
    replacement_layer,
)
from edgekit_converters.keras_files.lambda_code.expressions import OPERATIONS, Expression
from edgekit_converters.keras_files.tensorflow_functions import read_tensorflow_call
from edgekit_converters.keras_files.upgrade.call_nodes import is_tensor
from edgekit_converters.keras_files.upgrade.tensorflow_nodes import read_tensorflow_node
from edgekit_runtime.errors import ModelFileError

_Arguments = tuple[list[Expression], dict[str, Expression]]


def replace_tensorflow_calls(description: Description) -> bool:
    """Replace ``TFOpLambda`` and ``SlicingOpLambda`` (a function by name) and ``TensorFlowOpLayer`` (a graph node)."""
    return _replace(
        description,
        {"TFOpLambda": _function_call, "SlicingOpLambda": _function_call, "TensorFlowOpLayer": _graph_node},
    )


def _replace(description: Description, readers: dict[str, Callable[[Layer, _Arguments], Expression | None]]) -> bool:
    changed = False
    for _, layer in description.layers():
        if layer["class_name"] in readers:
            changed |= _replace_layer(layer, readers[layer["class_name"]])
    return changed


def _replace_layer(layer: Layer, read: Callable[[Layer, _Arguments], Expression | None]) -> bool:
    nodes, expressions = [], []
    for node in layer["inbound_nodes"]:
        tensors: list[Any] = []
        args = [_with_inputs(value, tensors) for value in node["args"]]
        kwargs = {key: _with_inputs(value, tensors) for key, value in node["kwargs"].items()}
        expression = read(layer, (args, kwargs))
        if expression is None or not _operations_of(expression) <= OPERATIONS:
            raise ModelFileError(
                f"Layer '{layer_name(layer)}' calls a function that edgekit doesn't know.",
                expected="a function that computes tensors from tensors, such as tf.math.add",
                received=str(layer["config"].get("function") or layer["class_name"]),
                next_step="build the model with a layer in place of this call, or report the file",
            )
        expressions.append(expression)
        nodes.append({"args": [tensors[0] if len(tensors) == 1 else tensors], "kwargs": {}})
    if any(expression != expressions[0] for expression in expressions):
        raise ModelFileError(f"Layer '{layer_name(layer)}' is called with different arguments in different calls.")
    name = layer_name(layer)
    layer.update(replacement_layer("Expression", {"name": name, "expression": expressions[0]}))
    layer["inbound_nodes"] = nodes
    return True


def _with_inputs(value: Any, tensors: list[Any]) -> Expression:
    """Convert an argument to an expression; each tensor in it becomes the next input."""
    if is_tensor(value):
        if value not in tensors:
            tensors.append(value)
        return {"input": tensors.index(value)}
    if isinstance(value, dict):
        if value.get("class_name") == "__slice__":
            return _with_inputs(value["config"], tensors)
        if "start" in value and "stop" in value:
            return {"slice": [value["start"], value["stop"], value.get("step")]}
        if value.get("class_name") == "__ellipsis__":
            return {"ellipsis": True}
        if value.get("class_name") == "__tuple__":
            return _with_inputs(value.get("config", {}).get("value", value.get("items")), tensors)
        return {key: _with_inputs(inner, tensors) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_with_inputs(inner, tensors) for inner in value]
    return value


def _function_call(layer: Layer, arguments: _Arguments) -> Expression | None:
    function = layer["config"].get("function") or "__operators__.getitem"
    return read_tensorflow_call(str(function), *arguments)


def _graph_node(layer: Layer, arguments: _Arguments) -> Expression | None:
    args, _ = arguments
    inputs = args[0] if args and isinstance(args[0], list) else args
    return read_tensorflow_node(layer["config"], inputs)


def _operations_of(expression: Expression) -> set[str]:
    if isinstance(expression, list):
        return set().union(*map(_operations_of, expression))
    if not isinstance(expression, dict):
        return set()
    if "call" not in expression:
        return set()
    parts = [*expression["args"], *expression["kwargs"].values()]
    return {expression["call"]}.union(*map(_operations_of, parts))
