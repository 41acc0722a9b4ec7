"""Maps ranges learnt in quantization-aware training to tensors of a lowered model."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from edgekit_converters.keras_files.description import LearntRange
from edgekit_converters.lowering.builtin_forms import replaced
from edgekit_runtime.tflite.description import ModelDescription, OperatorDescription, SubgraphDescription

#: Name that TensorFlow's converter gives the tensor of an input.
_INPUT = "serving_default_{}:0"


@contextlib.contextmanager
def recorded_results() -> Iterator[list[tuple[Any, str]]]:
    """While the block traces a model, record the name of each layer's result in the graph.

    Yields:
        Each call: the layer, and the name of its result's operation in the graph, such as ``model_1/conv_1/Relu``. The
        name alone does not identify a layer: TensorFlow numbers names, so ``dense`` may become ``dense_1`` and
        ``dense_1`` something else.
    """
    import tensorflow as tf
    from keras.src.ops.operation import Operation

    calls: list[tuple[Any, str]] = []
    original = Operation.__call__

    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        result = original(self, *args, **kwargs)
        if tf.is_symbolic_tensor(result):
            calls.append((self, result.op.name))
        return result

    with replaced(Operation, "__call__", call):
        yield calls


def ranges_by_tensor(
    description: ModelDescription, learnt: Sequence[tuple[Any, LearntRange]], calls: Sequence[tuple[Any, str]]
) -> dict[str, tuple[float, float]]:
    """Find the tensors that the learnt ranges belong to.

    Args:
        description: The lowered model.
        learnt: Layers with their ranges.
        calls: The calls that ``recorded_results`` recorded while the model was traced.
    Returns:
        Smallest and largest value by tensor name. Layers without an operator of their own are left out.
    """
    by_layer = {id(layer): learnt_range for layer, learnt_range in learnt}
    by_result = {name: by_layer[id(layer)] for layer, name in calls if id(layer) in by_layer}
    by_scope = {name.rpartition("/")[0]: learnt_range for name, learnt_range in by_result.items() if "/" in name}
    graph = description.subgraphs[0]
    found: dict[str, tuple[str, LearntRange]] = {}
    for operator in graph.operators:
        scope = _scope(operator, graph, by_scope)
        # The last operator of each layer counts, except a softmax if the range applies to its input.
        if scope and not (operator.name == "SOFTMAX" and by_scope[scope].before_activation):
            found[scope] = graph.tensors[operator.outputs[0]].name, by_scope[scope]
    inputs = {graph.tensors[index].name for index in graph.inputs}
    at_inputs = {_INPUT.format(name): learnt_range for name, learnt_range in by_result.items()}
    pairs = [*found.values(), *((name, each) for name, each in at_inputs.items() if name in inputs)]
    return {name: (each.low, each.high) for name, each in pairs}


def _scope(operator: OperatorDescription, graph: SubgraphDescription, by_scope: Mapping[str, LearntRange]) -> str:
    """The scope of the layer that an operator completes; empty if no layer with a range is known.

    An operator that several layers were fused into is named after all of them, the last one first. The tensor of a
    model's output is not named after a layer, but the constants that it is computed with may be.
    """
    outputs = [graph.tensors[index].name for index in operator.outputs]
    constants = [graph.tensors[index].name for index in operator.inputs[1:] if index >= 0]
    for name in outputs + (constants if set(operator.outputs) & set(graph.outputs) else []):
        for part in name.split(";"):
            scope = part.rpartition("/")[0]
            while scope and scope not in by_scope:
                scope = scope.rpartition("/")[0]
            if scope:
                return scope
    return ""
