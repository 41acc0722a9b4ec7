"""Limits the size of a description before it is upgraded: nested models that are called repeatedly multiply."""

from __future__ import annotations

from typing import Any

from edgekit_converters.keras_files.description import Layer, inner_layers, layer_name
from edgekit_converters.keras_files.wrapper_layers import wrapper_record
from edgekit_runtime.errors import ModelFileError

#: NASNetLarge, the largest of Keras's own models, has 1,041.
MAX_LAYERS = 5_000
#: Calls of layers; those inside a nested model count once for each call of that model.
MAX_CALLS = 20_000
MAX_NAME_LENGTH = 1_000
#: Input tensors of one call of a layer; a model for tabular data has one per column.
MAX_TENSORS = 1_000


def require_few_parts(parts: int) -> None:
    """Limit the parts of a tensor: each is a tensor of its own, which takes a kilobyte even without values.

    Raises:
        ValueError: There are more than ``MAX_TENSORS``.
    """
    if parts > MAX_TENSORS:
        raise ValueError(f"a tensor is split into {parts} tensors, more than {MAX_TENSORS}")


def require_bounded(root: Layer) -> None:
    """Reject a model that is larger than any real one.

    Raises:
        ModelFileError: It has too many layers, calls of layers, or tensors in a call.
    """
    counted = _Counted()
    calls = counted.calls_inside(root)
    if calls > MAX_CALLS:
        raise _too_large("calls of layers, counted through nested models", MAX_CALLS, calls)


class _Counted:
    """Counts layers while going through the nested models."""

    def __init__(self) -> None:
        self._layers = 0

    def calls_inside(self, layer: Layer) -> int:
        """Number of calls of layers that one call of ``layer`` leads to; Keras makes each of them."""
        return sum(self._calls(name, inner) for name, inner in inner_layers(layer))

    def _calls(self, name: str, layer: Layer) -> int:
        self._layers += 1
        if self._layers > MAX_LAYERS:
            raise _too_large("layers", MAX_LAYERS, f"more than {MAX_LAYERS}")
        if len(name) > MAX_NAME_LENGTH:
            raise _too_large("characters in a layer's name", MAX_NAME_LENGTH, len(name))
        nodes = layer.get("inbound_nodes") or [None]
        tensors = max(map(_count_tensors, nodes))
        if tensors > MAX_TENSORS:
            raise _too_large(f"tensors in a call of layer '{layer_name(layer)}'", MAX_TENSORS, tensors)
        return len(nodes) * (1 + wrapper_record(layer).copies * self.calls_inside(layer))


def _count_tensors(node: Any) -> int:
    """Count the tensors of a call in the notation of any era: ``["name", 0, 0]``, or a ``__keras_tensor__`` object."""
    tensors, waiting = 0, [node]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            tensors += value.get("class_name") == "__keras_tensor__"
            waiting += value.values()
        elif isinstance(value, list):
            tensors += bool(value) and isinstance(value[0], str)
            waiting += value
    return tensors


def _too_large(what: str, most: int, received: object) -> ModelFileError:
    return ModelFileError(
        f"The model's description has too many {what}.",
        expected=f"at most {most}",
        received=str(received),
        next_step="don't use this file, or report it if it is a model that you trained",
    )
