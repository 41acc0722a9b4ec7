"""Names and order of a Keras model's inputs and outputs, whatever structure (tensor, list, dict) they have."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from edgekit_converters.keras_files.upgrade.layer_names import plain_name


def call_model(model: Any, tensors: Sequence[Any]) -> list[Any]:
    """Call a Keras model for inference.

    Args:
        model: A built ``keras.Model``.
        tensors: A tensor or an array for each of ``model.inputs``, in their order.
    Returns:
        The outputs, in the order of ``output_names``.
    """
    import keras

    structure = _structure(model, "input", model.inputs)
    inputs = keras.tree.pack_sequence_as(structure, list(tensors))
    with _scopes_for_tensorflow(model):
        outputs: list[Any] = keras.tree.flatten(model(inputs, training=False))
    return outputs


def input_names(model: Any) -> list[str]:
    """One name per input, in the order of ``model.inputs``: its key in a dict of inputs, otherwise its own name."""
    structure = _structure(model, "input", model.inputs)
    return unique_names(_names(structure, [tensor.name for tensor in model.inputs]))


def output_names(model: Any) -> list[str]:
    """One name per output, in the order of ``call_model``: its key in a dict of outputs, otherwise its layer's name.

    A tensor that the model returns twice gets a second, numbered name.
    """
    names = [tensor._keras_history.operation.name for tensor in model.outputs]
    return unique_names(_names(_structure(model, "output", model.outputs), names))


def unique_names(names: Sequence[str]) -> list[str]:
    """Make names unique: each repetition gets the first number that makes it unique, as in ``d``, ``d_1``."""
    unique: list[str] = []
    for name in names:
        numbered = (f"{name}_{number}" for number in range(1, len(names) + len(unique) + 1))
        taken = {*names, *unique}
        unique.append(name if name not in unique else next(each for each in numbered if each not in taken))
    return unique


def argument_names(names: Iterable[str]) -> list[str]:
    """Make names that TensorFlow accepts for arguments: unique, and as close to the given ones as possible."""
    arguments: list[str] = []
    for name in names:
        cleaned = re.sub(r"[^A-Za-z0-9_]", "_", plain_name(name))
        argument = base = cleaned if cleaned[:1].isalpha() else f"input_{cleaned}"
        number = 0
        while argument.lower() in (known.lower() for known in arguments):
            number += 1
            argument = f"{base}_{number}"
        arguments.append(argument)
    return arguments


@contextlib.contextmanager
def _scopes_for_tensorflow(model: Any) -> Iterator[None]:
    """Rename layers while the block runs: each is a scope of the graph, and TensorFlow rejects most characters."""
    layers = [layer for layer in model._flatten_layers() if plain_name(layer.name) != layer.name]
    names = [layer.name for layer in layers]
    # Bypass Keras's own __setattr__, which rejects changes to a locked model.
    for layer in layers:
        object.__setattr__(layer, "name", plain_name(layer.name))
    try:
        yield
    finally:
        for layer, name in zip(layers, names, strict=True):
            object.__setattr__(layer, "name", name)


def _structure(model: Any, side: str, tensors: Sequence[Any]) -> Any:
    """Structure of a functional model's inputs or outputs: a tensor, or lists and dicts; one tensor if Sequential."""
    if type(model).__name__ == "Sequential":
        return tensors[0]
    return getattr(model, side)


def _names(structure: Any, names: Sequence[str]) -> list[str]:
    import keras

    paths = [path for path, _ in keras.tree.flatten_with_path(structure)]
    return [
        # A position in a list says less than the layer's name.
        "_".join(map(str, path)) if any(isinstance(key, str) for key in path) else name
        for path, name in zip(paths, names, strict=True)
    ]
