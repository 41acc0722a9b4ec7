"""Measures every tensor of a traced graph before TensorFlow's converter computes constants from it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from edgekit_converters.lowering.converter_errors import layer_of
from edgekit_converters.memory_limits import require_tensor_within


def require_bounded_graph(graph: Any, max_memory: int, model_name: str) -> None:
    """Reject a graph with a tensor larger than ``max_memory`` bytes, including in the bodies of loops.

    Args:
        graph: A ``FuncGraph`` with the shapes found by tracing.
        max_memory: The limit in bytes.
        model_name: Name of the model in the message.
    Raises:
        ModelFileError: A tensor is larger.
    """
    for inner in _graphs(graph):
        for operation in inner.get_operations():
            for tensor in operation.outputs:
                if tensor.shape.rank is not None:
                    layer = layer_of(operation.name)
                    place = f"layer '{layer}'" if layer else f"operation '{operation.name}'"
                    item_bytes = tensor.dtype.size or 1
                    require_tensor_within(max_memory, tensor.shape, item_bytes, model=model_name, place=place)


def _graphs(graph: Any) -> Iterator[Any]:
    """Yield a graph and the graphs of its functions, which loops and branches call."""
    yield graph
    for function in graph._functions.values():
        yield function.graph if hasattr(function, "graph") else _graph_of_definition(graph, function)


def _graph_of_definition(outer: Any, function: Any) -> Any:
    """The graph of a TensorFlow 1 function, such as those of ``tf.nn.ctc_loss``, which stores only its definition."""
    from tensorflow.python.framework.function_def_to_graph import function_def_to_graph

    with outer.as_default():
        return function_def_to_graph(function.definition, include_library_functions=True)
