"""Turns messages of the TFLite converter into a sentence that names the layer and the operator."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from typing import Any

from edgekit_converters.lowering.keras.operation_names import owner
from edgekit_runtime.errors import ConversionError

#: ``'tf.RFFT' op`` in the converter's MLIR message.
_OPERATOR = re.compile(r"'(?:tf|tfl)\.([A-Za-z0-9_]+)' op")
#: Its messages also name operators that only pass values into and through the graph.
_CARRIERS = frozenset(("Placeholder", "PartitionedCall", "StatefulPartitionedCall", "VarHandleOp", "Const"))
#: Scopes that every traced model has around its layers.
_OUTER_SCOPES = re.compile(r"^(?:(?:functional|sequential|model)(?:_\d+)*/)+")


def explain(
    error: Exception, model_name: str, graph: Any | None = None, names: Mapping[str, str] | None = None
) -> ConversionError:
    """Turn the converter's error into one that names layer and operator.

    Args:
        error: Error raised by ``TFLiteConverter.convert`` or by tracing.
        model_name: File name of the model.
        graph: The traced ``GraphDef``, whose node names identify the layers; None if tracing failed.
        names: Names to use for the layers and operations of a Keras model, by their names in the graph.
    """
    text = str(error)
    operators = [each for each in dict.fromkeys(_OPERATOR.findall(text)) if each not in _CARRIERS]
    if not operators:
        return ConversionError(
            f"{model_name} could not be lowered to TFLite.",
            received=next((line.strip() for line in text.splitlines() if line.strip()), type(error).__name__)[:300],
            next_step="report it with what `edgekit inspect` shows of the model",
        )
    scopes = (scope for operator in operators for scope in _scopes_with(operator, graph))
    places = list(dict.fromkeys(owner(scope, names or {}) for scope in scopes))
    where = f" in {', '.join(places[:3])}" if places else ""
    return ConversionError(
        f"{model_name} uses the operator {', '.join(operators)}{where}, which has no builtin form in TFLite.",
        expected="operators that every interpreter has, without Flex",
        next_step="replace that layer with standard operators, or remove it and run it before the model",
    )


def layer_of(node_name: str) -> str:
    """The layer that a node of the traced graph belongs to; "" if it belongs to none."""
    return _OUTER_SCOPES.sub("", node_name).rpartition("/")[0]


def _scopes_with(operator: str, graph: Any | None) -> list[str]:
    """The scopes that contain ``operator``, in the graph and in its functions."""
    if graph is None:
        return []
    functions = (function.node_def for function in graph.library.function)
    nodes = itertools.chain(graph.node, *functions)
    scopes = (layer_of(node.name) for node in nodes if node.op == operator)
    return [scope for scope in dict.fromkeys(scopes) if scope]
