"""Records the outputs of every layer of a Keras model while the whole model runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from edgekit_converters.lowering.keras.signature import call_model

#: Nested models; their layers are recorded instead of the models, whose output is that of their last layer.
_CONTAINERS = ("Sequential", "Functional", "Model")


@dataclass(frozen=True, slots=True)
class LayerOutput:
    """One output of one call of a layer.

    Attributes:
        name: Layer name, prefixed with the names of enclosing models; with a number if the layer is called again or has
            several outputs.
        kind: Layer class.
        values: Output values, float32 (N, …).
    """

    name: str
    kind: str
    values: np.ndarray


def record_layers(
    model: Any, inputs: list[np.ndarray], passed_on: Mapping[str, np.ndarray] = MappingProxyType({})
) -> list[LayerOutput]:
    """Run a Keras model on one batch and keep the outputs of every layer.

    Layers that return their input unchanged, such as dropout, are left out.

    Args:
        model: A built ``keras.Model``.
        inputs: Array (N, …) for each input, in the model's order.
        passed_on: Values that following layers receive instead of a layer's output, by the name of that output.
    Returns:
        Floating-point outputs in the order in which the layers ran.
    """
    found: list[LayerOutput] = []
    seen: dict[str, int] = {}

    def record(name: str, kind: str, inputs: Any, outputs: Any) -> Any:
        import keras

        given = {id(value) for value in keras.tree.flatten(inputs)}

        def record_output(output: Any) -> Any:
            if id(output) in given or "float" not in str(getattr(output, "dtype", "")):
                return output
            seen[name] = seen.get(name, 0) + 1
            unique = name if seen[name] == 1 else f"{name} ({seen[name]})"
            found.append(LayerOutput(unique, kind, np.asarray(output, np.float32)))
            if unique not in passed_on:
                return output
            replacement = passed_on[unique].reshape(found[-1].values.shape)
            return keras.ops.convert_to_tensor(replacement, dtype=output.dtype)

        return keras.tree.map_structure(record_output, outputs)

    with ExitStack() as stack:
        for layer, path in _layers(model, ""):
            stack.enter_context(_recorded(layer, path, record))
        call_model(model, inputs)
    return _without_repetitions(found)


def _layers(model: Any, path: str) -> Iterator[tuple[Any, str]]:
    """Every computing layer with its path; a layer shared by several models comes once per model."""
    for layer in model.layers:
        kind = type(layer).__name__
        if kind in _CONTAINERS:
            yield from _layers(layer, f"{path}{layer.name}/")
        elif kind != "InputLayer":
            yield layer, f"{path}{layer.name}"


@contextmanager
def _recorded(layer: Any, path: str, record: Callable[[str, str, Any, Any], Any]) -> Iterator[None]:
    """Pass each call of the layer to ``record`` within the block; its return value becomes the layer's output."""
    call = layer.call

    def recorded(*args: Any, **kwargs: Any) -> Any:
        return record(path, type(layer).__name__, (args, kwargs), call(*args, **kwargs))

    # Bypasses Keras's __setattr__, which would search the value for variables and refuses a locked model.
    object.__setattr__(layer, "call", recorded)
    try:
        yield
    finally:
        object.__delattr__(layer, "call")


def _without_repetitions(outputs: list[LayerOutput]) -> list[LayerOutput]:
    """Drop outputs that equal the previous one in shape and every value, because nothing was computed."""
    kept: list[LayerOutput] = []
    for output in outputs:
        if not (kept and np.array_equal(kept[-1].values, output.values)):
            kept.append(output)
    return kept
