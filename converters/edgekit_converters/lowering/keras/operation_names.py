"""Maps an operator of the traced graph to the layer or operation of the Keras model that it belongs to."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping
from typing import Any

from edgekit_converters.keras_files.keras_operations import OPERATIONS, public_function
from edgekit_converters.lowering.builtin_forms import replaced
from edgekit_runtime.errors import ConversionError

_COUNTED = re.compile(r"_\d+$")
_ANSI = re.compile(r"\x1b\[\d*m")
_KERAS_CONTEXT = re.compile(
    r".*Exception encountered when calling \w+\.call\(\)\.\s*|\s*Arguments received by .*", re.S
)


def names_in_errors(model: Any) -> dict[str, str]:
    """Names of a model's layers and operations for error messages, by their names in the graph."""
    names: dict[str, str] = {}
    for operation in getattr(model, "operations", model.layers):
        if hasattr(operation, "layers"):
            names |= names_in_errors(operation)
        else:
            names[_scope(operation.name)] = _name_in_errors(operation)
    return names


def owner(scope: str, names: Mapping[str, str]) -> str:
    """The layer or operation that a scope of the graph belongs to; the scope itself if it is unknown."""
    for part in scope.split("/"):
        # TensorFlow appends a number to a scope name that is already in use.
        found = names.get(part) or names.get(_COUNTED.sub("", part))
        if found:
            return found
    return f"layer {scope}"


@contextlib.contextmanager
def operations_in_scopes() -> Iterator[list[ConversionError]]:
    """While the block traces a model, give every operation a scope in the graph, as Keras does for layers.

    Yields:
        Errors that stopped the tracing of an operation, with its name; TensorFlow raises them without the name.
    """
    import keras
    import tensorflow as tf
    from keras.src.ops.operation import Operation

    failures: list[ConversionError] = []
    original = Operation.__call__

    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(self, keras.layers.Layer):
            return original(self, *args, **kwargs)
        try:
            with tf.name_scope(_scope(self.name)):
                return original(self, *args, **kwargs)
        except Exception as error:  # Keras and TensorFlow raise errors of any type.
            failures.append(
                ConversionError(
                    f"Keras {keras.__version__} cannot trace {_name_in_errors(self)} into a graph.",
                    expected="an operation that is computed from tensors alone, with shapes that are known",
                    received=_reason(error),
                    next_step="replace the operation, or remove it and compute it before or after the model",
                )
            )
            raise

    with replaced(Operation, "__call__", call):
        yield failures


def _name_in_errors(operation: Any) -> str:
    import keras

    if isinstance(operation, keras.layers.Layer):
        return f"layer {operation.name}"
    kind = type(operation).__name__
    return f"operation {operation.name} ({public_function(kind) if kind in OPERATIONS else kind})"


def _scope(name: str) -> str:
    """Convert a name to one that TensorFlow accepts as a scope."""
    return re.sub(r"[^A-Za-z0-9_.-]|^(?=[_-])", ".", name)


def _reason(error: Exception) -> str:
    """The message itself, without the context that Keras and TensorFlow add around it."""
    text = _ANSI.sub("", str(error))
    inner = _KERAS_CONTEXT.sub("", text).strip() or text
    return f"{type(error).__name__}: {' '.join(inner.split())[:300]}"
