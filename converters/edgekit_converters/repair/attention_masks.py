"""Clamps the huge negative numbers that mask positions in front of a softmax.

Keras masks attention with -1e9 or the lowest float. Such a number in a calibrated range leaves one int8 code to all
real scores. A number a few units below the smallest maximum of a row has the same effect: its probability is 0 in int8.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from edgekit_converters.repair.channel_statistics import batches
from edgekit_converters.repair.graph import EditableGraph, Node
from edgekit_converters.tensor_values import TensorValues
from edgekit_runtime.tflite.tflite_model import TfliteModel

#: Magnitude from which a constant in front of a softmax is a mask.
_MASK = 1000.0
#: The mask of most frameworks, far enough from any score.
_FARTHEST = 1e9
#: Distance of a masked score from the smallest maximum of a row: exp(-8) is a twelfth of an int8 step of 1/256.
_DISTANCE = 8.0
#: Operators between the scores and the softmax that masks pass.
_PASSING = ("ADD", "SUB", "MUL", "SELECT", "SELECT_V2", "RESHAPE")


def with_finite_masks(model: TfliteModel) -> TfliteModel:
    """Return the model with masks of at most 1e9, since an int8 scale of the lowest float would overflow.

    Args:
        model: A float32 model.
    """
    graph = EditableGraph(model)
    for softmax in graph.nodes:
        for node, position in _masks(graph, softmax.inputs[0]) if softmax.kind == "SOFTMAX" else ():
            values = graph.constant(node.inputs[position])
            assert values is not None, "masks are constants"
            graph.replace_input(node, position, np.clip(values, -_FARTHEST, _FARTHEST))
    return graph.model()


def with_clamped_masks(model: TfliteModel, inputs: Mapping[str, np.ndarray]) -> TfliteModel:
    """Return the model with clamped masks; the same model if it has none.

    Args:
        model: A float32 model.
        inputs: Examples by input name, (N, …).
    """
    graph = EditableGraph(model)
    masks = [
        (softmax, found)
        for softmax in graph.nodes
        if softmax.kind == "SOFTMAX" and (found := list(_masks(graph, softmax.inputs[0])))
    ]
    if not masks:
        return model
    extents = _extents(model, inputs, [softmax.inputs[0] for softmax, _ in masks])
    for softmax, found in masks:
        smallest_maximum, largest = extents[softmax.inputs[0]]
        for node, position in found:
            values = graph.constant(node.inputs[position])
            assert values is not None, "masks are constants"
            # An alternative to a score replaces it; a term has to push the largest score below the others.
            replaces = node.kind.startswith("SELECT")
            limit = _DISTANCE - smallest_maximum if replaces else _DISTANCE + largest - smallest_maximum
            graph.replace_input(node, position, np.where(np.abs(values) >= _MASK, np.sign(values) * limit, values))
    return graph.model()


def _masks(graph: EditableGraph, tensor: int) -> Iterator[tuple[Node, int]]:
    """Operators in front of a softmax that read a mask, and the position of the mask among their inputs."""
    node = graph.writer(tensor)
    if node is None or node.kind not in _PASSING or len(graph.value_readers(tensor)) != 1:
        return
    for position, each in enumerate(node.inputs):
        values = graph.constant(each)
        if values is not None and values.size and np.abs(values).max() >= _MASK:
            yield node, position
        elif values is None and graph.is_float(each):
            yield from _masks(graph, each)


def _extents(
    model: TfliteModel, inputs: Mapping[str, np.ndarray], tensors: list[int]
) -> dict[int, tuple[float, float]]:
    """Smallest maximum of a row that is not masked completely, and the largest value."""
    values = TensorValues(model)
    extents = dict.fromkeys(tensors, (np.inf, -np.inf))
    for batch in batches(values, inputs):
        values.run(batch)
        for tensor, (low, high) in extents.items():
            maxima = values.real(values.tensors[tensor]).max(-1)
            maxima = maxima[maxima > -_MASK]
            extents[tensor] = min(low, maxima.min(initial=np.inf)), max(high, maxima.max(initial=-np.inf))
    return {tensor: ends if np.isfinite(ends).all() else (0.0, 0.0) for tensor, ends in extents.items()}
