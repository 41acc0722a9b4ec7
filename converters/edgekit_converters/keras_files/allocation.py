"""Compares what a description makes Keras allocate with what the file stores, before it is allocated.

Keras asks every layer for its variables during building, and only Keras knows all their shapes, such as those of
cells, attention and custom layers. The comparison therefore happens when Keras is about to initialize a variable. (A
``keras.StatelessScope`` would defer initialization. However, layers that compute with their weights during building
fail in it, and it initializes the deferred variables at its end, even after an error.)
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from edgekit_converters.keras_files.description_bounds import MAX_CALLS, require_few_parts
from edgekit_converters.keras_files.wrapper_layers import record_of_built
from edgekit_converters.memory_limits import require_tensor_within
from edgekit_runtime.errors import ModelFileError

#: Variables that no file stores: counters, seeds, and values that layers derive from their arguments; 64 MB of floats.
_FREE_VALUES = 16 << 20


@contextmanager
def bounded_variables(stored_values: int, name: str) -> Iterator[None]:
    """Let Keras allocate in this block only about as many weights as a file stores.

    Args:
        stored_values: Number of values in all stored arrays.
        name: Name of the file in the message.
    Raises:
        ModelFileError: The layers need more.
    """
    from keras.src.backend import Variable

    fill = Variable._initialize_with_initializer
    needed = 0
    refusal: ModelFileError | None = None

    def fill_within_bounds(variable: Any, initializer: Any) -> None:
        nonlocal needed, refusal
        needed += math.prod(variable._shape)
        if needed > stored_values + _FREE_VALUES:
            refusal = _refused(name, variable, needed, stored_values)
            raise refusal
        fill(variable, initializer)

    Variable._initialize_with_initializer = fill_within_bounds
    try:
        yield
    except Exception:
        if refusal is None:
            raise
        # Keras wraps errors of layers in others and hides their cause.
        raise refusal from None
    finally:
        Variable._initialize_with_initializer = fill


@contextmanager
def bounded_parts() -> Iterator[None]:
    """Limit the number of tensors that Keras's ``Unstack`` makes in this block to the inputs that a layer may have.

    Raises:
        ValueError: It is about to make more, along an axis whose size only Keras knows.
    """
    from keras.src.ops.core import Unstack

    infer = Unstack.compute_output_spec

    def infer_within_bounds(operation: Any, x: Any) -> Any:
        require_few_parts(operation.num or x.shape[operation.axis] or 0)
        return infer(operation, x)

    Unstack.compute_output_spec = infer_within_bounds
    try:
        yield
    finally:
        Unstack.compute_output_spec = infer


def require_bounded_model(model: Any, max_memory: int, name: str) -> None:
    """Measure a built model before it computes anything.

    Args:
        model: The ``keras.Model``.
        max_memory: Largest size of one tensor in bytes.
        name: Name of the model in the message.
    Raises:
        ModelFileError: An output of a layer is too large, or a layer repeats others too often.
    """
    calls = 0
    for node in _nodes(model):
        calls += _calls_of(node)
        for tensor in node.outputs:
            place = f"layer '{node.operation.name}'"
            require_tensor_within(max_memory, tensor.shape, _item_bytes(tensor), model=name, place=place)
        if calls > MAX_CALLS:
            raise ModelFileError(
                f"{name}: with layer '{node.operation.name}', the model is written out as {calls:,} calls of layers.",
                expected=f"at most {MAX_CALLS:,}",
                next_step="pass a shorter --input-shape, or build the model without unrolled layers",
            )


def _nodes(model: Any) -> list[Any]:
    """The calls that a model consists of; those of a nested model belong to its own call."""
    graph = getattr(model, "_functional", None) or model
    # "_nodes" contains only their names.
    return [node for nodes in getattr(graph, "_nodes_by_depth", {}).values() for node in nodes]


def _calls_of(node: Any) -> int:
    return _calls(node.operation, [tensor.shape for tensor in node.input_tensors])


def _calls(layer: Any, shapes: list[Any]) -> int:
    """Number of calls that one call of a layer expands to: some layers repeat their inner layer for every time step."""
    record = record_of_built(layer)
    steps = shapes[0][1] if shapes and len(shapes[0]) > 1 and shapes[0][1] is not None else 1
    if type(layer).__name__ in ("Functional", "Sequential"):
        return 1 + sum(map(_calls_of, _nodes(layer)))
    if not record.inner:
        return int(steps) if getattr(layer, "unroll", False) else 1
    calls = 0
    for each in record.inner:
        inner, given = getattr(layer, each.name), shapes
        if record.shapes is not None:
            given = [record.shapes.inner_input(shape, type(inner).__name__) for shape in shapes]
        calls += _calls(inner, given)
    return int(steps if record.repeats_in_time else 1) * calls


def _item_bytes(tensor: Any) -> int:
    import tensorflow as tf

    return int(tf.as_dtype(tensor.dtype).size)


def _refused(name: str, variable: Any, needed: int, stored_values: int) -> ModelFileError:
    layer, _, weight = variable.path.rpartition("/")
    shape = ", ".join(map(str, variable._shape))
    return ModelFileError(
        f"{name}: layer '{layer or weight}' needs more weights than the file stores: its {weight} has the shape "
        f"({shape}).",
        expected=f"the {stored_values:,} values ({4 * stored_values:,} bytes) that it stores",
        received=f"{needed:,} values ({4 * needed:,} bytes) up to this layer",
        next_step="check that description and weights belong together; don't use a file whose author you don't know",
    )
