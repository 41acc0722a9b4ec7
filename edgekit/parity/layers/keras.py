"""What each layer of a Keras model gives, for inputs that are run through the whole model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from edgekit_converters.lowering.keras.signature import call_model

#: Models within a model; their layers are looked into, and what they themselves give is their last layer's.
_CONTAINERS = ("Sequential", "Functional", "Model")


@dataclass(frozen=True, slots=True)
class LayerOutput:
    """One output of one call of a layer.

    Attributes:
        name: The layer's name, after those of the models it is in; with a number where it is called again or has
            several outputs.
        kind: The layer's class.
        values: float32 (N, …).
    """

    name: str
    kind: str
    values: np.ndarray


def record_layers(
    model: Any, inputs: list[np.ndarray], passed_on: Mapping[str, np.ndarray] = MappingProxyType({})
) -> list[LayerOutput]:
    """Run a Keras model on one batch and keep what every layer gives.

    Layers that give on what they get, such as dropout, are left out.

    Args:
        model: A built ``keras.Model``.
        inputs: An array (N, …) for each input, in the model's order.
        passed_on: By the name of a layer's output, what the layers after it receive in its place.
    Returns:
        In the order in which the layers ran; only outputs of floats.
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
    """Every computing layer with its path; a layer that several models share comes once."""
    for layer in model.layers:
        kind = type(layer).__name__
        if kind in _CONTAINERS:
            yield from _layers(layer, f"{path}{layer.name}/")
        elif kind != "InputLayer":
            yield layer, f"{path}{layer.name}"


@contextmanager
def _recorded(layer: Any, path: str, record: Callable[[str, str, Any, Any], Any]) -> Iterator[None]:
    """Pass each call of the layer to ``record`` while the block runs; what that returns is the layer's output."""
    call = layer.call

    def recorded(*args: Any, **kwargs: Any) -> Any:
        return record(path, type(layer).__name__, (args, kwargs), call(*args, **kwargs))

    # Past Keras's own __setattr__, which would look for variables in it and refuses a model that is locked.
    object.__setattr__(layer, "call", recorded)
    try:
        yield
    finally:
        object.__delattr__(layer, "call")


def _without_repetitions(outputs: list[LayerOutput]) -> list[LayerOutput]:
    """Without those that equal, in shape and in every value, the one before: nothing was computed."""
    kept: list[LayerOutput] = []
    for output in outputs:
        if not (kept and np.array_equal(kept[-1].values, output.values)):
            kept.append(output)
    return kept
