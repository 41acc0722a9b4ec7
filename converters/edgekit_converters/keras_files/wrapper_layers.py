"""Keras's layer classes that consist of other layers: their inner layers, weights and shapes.

There is one record per class. Code that handles descriptions, weights, shapes or call counts reads these facts from
here, so that a new class of Keras, or one that the user provides, needs only a record. A class without a record may
contain one layer under ``layer``, as ``keras.layers.Wrapper`` does; it then has no weights of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any

Shape = tuple[int | None, ...]


class Weights(Enum):
    """The paths in a description at which the weights of a wrapper and its inner layers are."""

    INNER = "each inner layer's at its own path; the wrapper has none of its own"
    WHOLE = "at the wrapper's path: those of its inner layers, then its own"
    WRAPPED = "at the wrapper's path, and they are the inner layer's: edgekit has put the wrapper around it"


@dataclass(frozen=True, slots=True)
class InnerLayer:
    """A layer that a wrapper calls.

    Attributes:
        name: The wrapper's attribute for it, which is also the step in its path and its group in a ``.keras`` file.
        key: Key of its description in the wrapper's config.
        copy_of: The inner layer whose description it shares if it has none of its own; empty if it must have one.
    """

    name: str
    key: str
    copy_of: str = ""


@dataclass(frozen=True, slots=True)
class ShapeRule:
    """How a wrapper transforms shapes.

    Attributes:
        inner_input: Computes the inner layer's input shape from the wrapper's input and the inner layer's class.
        output: Computes the wrapper's output shape from the inner layer's output, the wrapper's input and its config;
            None if there is no single known shape.
    """

    inner_input: Callable[[Shape, str], Shape]
    output: Callable[[Shape, Shape, dict[str, Any]], Shape | None]


@dataclass(frozen=True, slots=True)
class WrapperLayer:
    """A layer class that consists of other layers.

    Attributes:
        class_name: Name in descriptions.
        inner: The layers that it calls, in the order of their weights.
        weights: Paths of the weights.
        own_weights: Number of weights of the class itself, for ``Weights.WHOLE``.
        cells: Keys of its config for layers that are its cells, one or a list. They have no weights of their own:
            these are among the wrapper's.
        weight_groups: Groups of a ``.keras`` file, below the layer's, with weights of parts that its config does not
            describe as layers, in the order of its weights.
        is_unwrapped: Whether the upgrade replaces it by the inner layer, since it is used only in training.
        shapes: How it transforms shapes; None if only Keras can compute that.
        repeats_in_time: Whether it calls its inner layers once for each time step.
        is_recurrent: Whether it is one of Keras's own recurrent layers.
        takes_states: Whether initial states may follow its input in a call.
        needs_fixed_batch: Whether TFLite needs a fixed batch size for it: with a dynamic one, its time steps become a
            TensorList without a shape.
    """

    class_name: str
    inner: tuple[InnerLayer, ...] = ()
    weights: Weights = Weights.INNER
    own_weights: int = 0
    cells: tuple[str, ...] = ()
    weight_groups: tuple[str, ...] = ()
    is_unwrapped: bool = False
    shapes: ShapeRule | None = None
    repeats_in_time: bool = False
    is_recurrent: bool = False
    takes_states: bool = False
    needs_fixed_batch: bool = False

    @property
    def copies(self) -> int:
        """Number of layers that it makes from one description."""
        return 1 + sum(bool(each.copy_of) for each in self.inner)


def channels_axis(rank: int, inner_class: str) -> int:
    """The channel axis in a layer's channels-first input or output."""
    # A ConvLSTM's time axis, if present, comes before the channels.
    return rank - 1 - int(inner_class[-2]) if inner_class.startswith("ConvLSTM") else 1


def _with_channels_last(shape: Shape, inner_class: str) -> Shape:
    axis = channels_axis(len(shape), inner_class)
    return (*shape[:axis], *shape[axis + 1 :], shape[axis])


def _with_channels_first(inner: Shape, _: Shape, config: dict[str, Any]) -> Shape:
    axis = channels_axis(len(inner), config["layer"]["class_name"])
    return (*inner[:axis], inner[-1], *inner[axis:-1])


def _both_directions(inner: Shape, _: Shape, config: dict[str, Any]) -> Shape | None:
    merge_mode = config.get("merge_mode", "concat")
    if merge_mode is None:
        return None
    last = inner[-1]
    return (*inner[:-1], None if last is None else 2 * last) if merge_mode == "concat" else inner


_LAYER = (InnerLayer("layer", "layer"),)
_UNCHANGED = ShapeRule(lambda shape, inner_class: shape, lambda inner, shape, config: inner)

_RECORDS = (
    WrapperLayer(
        "TimeDistributed",
        _LAYER,
        shapes=ShapeRule(
            lambda shape, inner_class: (shape[0], *shape[2:]),
            lambda inner, shape, config: (inner[0], shape[1], *inner[1:]),
        ),
        repeats_in_time=True,
        needs_fixed_batch=True,
    ),
    WrapperLayer(
        "Bidirectional",
        # The stored `layer` describes both directions; newer files also contain `backward_layer`.
        (InnerLayer("forward_layer", "layer"), InnerLayer("backward_layer", "backward_layer", copy_of="forward_layer")),
        shapes=ShapeRule(lambda shape, inner_class: shape, _both_directions),
        takes_states=True,
        needs_fixed_batch=True,
    ),
    # Its own weight is the vector from which it estimates the norm.
    WrapperLayer("SpectralNormalization", _LAYER, Weights.WHOLE, own_weights=1, shapes=_UNCHANGED),
    # edgekit's own layer, see `replacement_layers`.
    WrapperLayer("ChannelsFirst", _LAYER, Weights.WRAPPED, shapes=ShapeRule(_with_channels_last, _with_channels_first)),
    # Wrappers of the TensorFlow Model Optimization toolkit, which the upgrade removes.
    *(
        WrapperLayer(name, _LAYER, is_unwrapped=True)
        for name in ("ClusterWeights", "PruneLowMagnitude", "QuantizeAnnotate", "QuantizeWrapper", "QuantizeWrapperV2")
    ),
    # Among recurrent layers, only the RNN's config describes a cell; the others make theirs from their arguments.
    *(
        WrapperLayer(
            name,
            cells=("cell",) if name == "RNN" else (),
            weight_groups=("cell",),
            is_recurrent=True,
            takes_states=True,
            needs_fixed_batch=True,
        )
        for name in ("RNN", "SimpleRNN", "LSTM", "GRU", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D")
    ),
    WrapperLayer("StackedRNNCells", cells=("cells",)),
    WrapperLayer("MultiHeadAttention", weight_groups=("query_dense", "key_dense", "value_dense", "output_dense")),
)

#: The records by class name.
WRAPPER_LAYERS: dict[str, WrapperLayer] = {record.class_name: record for record in _RECORDS}

_NO_WRAPPER = WrapperLayer("")
_UNKNOWN_WRAPPER = WrapperLayer("", _LAYER)


def wrapper_record(layer: dict[str, Any]) -> WrapperLayer:
    """The record of a described layer's class; one without inner layers if it is not a wrapper."""
    name, config = layer["class_name"], layer["config"]
    if isinstance(name, str) and name in WRAPPER_LAYERS:
        return WRAPPER_LAYERS[name]
    is_wrapper = isinstance(config, dict) and any(describes_layer(config.get(each.key)) for each in _LAYER)
    return _UNKNOWN_WRAPPER if is_wrapper else _NO_WRAPPER


def record_of_built(layer: Any) -> WrapperLayer:
    """The record of a built layer's class; without one, a ``keras.layers.Wrapper`` can still be recognized."""
    record = WRAPPER_LAYERS.get(type(layer).__name__)
    if record is not None:
        return record
    from keras.layers import Wrapper

    # Only a record could say how a wrapper's own weights are ordered among those of the inner layer.
    is_wrapper = isinstance(layer, Wrapper) and len(layer.weights) == len(layer.layer.weights)
    return _UNKNOWN_WRAPPER if is_wrapper else _NO_WRAPPER


def described_inner_layers(layer: dict[str, Any]) -> Iterator[tuple[InnerLayer, dict[str, Any]]]:
    """Yield the inner layers of a described wrapper, each with its description, which several may share."""
    config = layer["config"]
    found: dict[str, dict[str, Any]] = {}
    for each in wrapper_record(layer).inner:
        described = config.get(each.key) if isinstance(config, dict) else None
        if not describes_layer(described):
            described = found.get(each.copy_of)
        if described is not None:
            found[each.name] = described
            yield each, described


def describes_layer(value: object) -> bool:
    """True if ``value`` describes a layer."""
    return isinstance(value, dict) and "class_name" in value and "config" in value


def inner_layer_keys() -> frozenset[str]:
    """The keys and attributes under which wrappers store their inner layers."""
    inner = [each for record in WRAPPER_LAYERS.values() for each in record.inner]
    return frozenset(each.name for each in inner) | frozenset(each.key for each in inner)


def cell_keys() -> tuple[str, ...]:
    """The keys under which layers store their cells."""
    return tuple(dict.fromkeys(key for record in WRAPPER_LAYERS.values() for key in record.cells))


def weight_group_order() -> list[str]:
    """Names of weight groups; those of one layer are in the order of its weights."""
    groups: list[str] = []
    for record in WRAPPER_LAYERS.values():
        # A single inner layer has no order; any other parts next to it follow by name.
        groups += [each.name for each in record.inner] if len(record.inner) > 1 else []
        groups += record.weight_groups
    return list(dict.fromkeys(groups))
