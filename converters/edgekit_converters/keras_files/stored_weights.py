"""Reads the stored arrays of every layer, from each layout that Keras has used."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator

import numpy as np

from edgekit_converters.keras_files.container import KerasFile
from edgekit_converters.keras_files.description import (
    Layer,
    LayerPath,
    inner_layers,
    is_layer,
    is_model,
    layer_name,
    walk,
)
from edgekit_converters.keras_files.hdf5 import Array, Group
from edgekit_converters.keras_files.wrapper_layers import (
    Weights,
    cell_keys,
    described_inner_layers,
    weight_group_order,
    wrapper_record,
)
from edgekit_runtime.errors import ModelFileError

NamedArrays = list[tuple[str, np.ndarray]]

_CONTAINERS = ("layers", "_layer_checkpoint_dependencies")


def list_weights(file: KerasFile) -> dict[str, NamedArrays]:
    """Read the arrays of a file, by the stored names of the outermost model's layers.

    Raises:
        ModelFileError: The file is damaged.
    """
    return _list_layers(file.weights) if file.weights_layout == "layers" else _list_variables(file.weights)


def stored_model_values(file: KerasFile) -> int:
    """Number of values of all weights, without those of the optimizer; no values are read."""
    arrays = [(name, item) for name, item in file.weights.walk() if isinstance(item, Array)]
    return sum(math.prod(array.shape) for name, array in arrays if not name.lstrip("_/").startswith("optimizer"))


def read_weights(file: KerasFile, root: Layer, new_names: dict[str, str] | None = None) -> dict[LayerPath, NamedArrays]:
    """Read the arrays of every layer of a description; see ``read_layers`` and ``read_variables`` for the two layouts.

    Raises:
        ModelFileError: The file is damaged, or its weights don't belong to the description.
    """
    if file.weights_layout == "layers":
        return read_layers(file.weights, root, new_names)
    return read_variables(file.weights, root)


def read_layers(group: Group, root: Layer, new_names: dict[str, str] | None = None) -> dict[LayerPath, NamedArrays]:
    """Read the weights of an ``.h5`` model: one group for each layer of the outermost model.

    A nested model's group contains the arrays of all its layers in one list. They are assigned to their layers by
    their names, or in the order of the layers if the names do not identify them.

    Args:
        group: The group ``model_weights``, or the whole file for a weights-only file.
        root: The outermost model's description.
        new_names: The description's names of stored layers, for those with another name in the file.
    Returns:
        The named arrays of every layer that has any, by the layer's path.
    Raises:
        ModelFileError: The description lacks a layer with stored weights, or the weights of a nested model cannot be
            assigned to its layers.
    """
    renamed = new_names or {}
    stored = {renamed.get(name, name): arrays for name, arrays in _list_layers(group).items()}
    weights: dict[LayerPath, NamedArrays] = {}
    for name, layer in inner_layers(root):
        _share_out(layer, (name,), stored.pop(name, []), weights)
    left_over = [name for name, arrays in stored.items() if arrays]
    if left_over:
        by_name = {path[-1]: path for path in _leaf_paths(root, ())}
        # The branches of a Keras 1 Merge are stored next to the layers of the outer model.
        for name in left_over:
            if name not in by_name:
                raise ModelFileError(
                    f"The file holds weights of a layer '{name}' that its description doesn't have.",
                    expected=f"the layers {', '.join(n for n, _ in inner_layers(root))}",
                    received=", ".join(left_over),
                    next_step="pass the architecture that these weights belong to",
                )
            weights[by_name[name]] = stored[name]
    return weights


def read_variables(file: Group, root: Layer) -> dict[LayerPath, NamedArrays]:
    """Read ``model.weights.h5`` of a ``.keras`` file: numbered groups that are named after the layers' classes.

    Args:
        file: The opened ``model.weights.h5``.
        root: The outermost model's description.
    Returns:
        The named arrays of every layer that has any, by the layer's path.
    """
    groups = _groups_by_path(file)
    weights: dict[LayerPath, NamedArrays] = {}
    _read_zip_container(groups, "", root, (), weights)
    return weights


def read_vocabularies(file: KerasFile, root: Layer) -> dict[LayerPath, bytes]:
    """The vocabularies that a ``.keras`` zip stores beside the description, by the path of their layer.

    They are in folders with the names of the groups of weights.
    """
    if not file.vocabularies:
        return {}
    groups = _groups_by_path(file.weights)
    found: dict[LayerPath, bytes] = {}

    def add(prefix: str, model: Layer, path: LayerPath) -> None:
        for group, name, layer in _zip_layers(groups, prefix, model):
            if is_model(layer):
                add(f"{group}/", layer, (*path, name))
            elif group in file.vocabularies:
                found[(*path, name)] = file.vocabularies[group]

    add("", root, ())
    return found


def _groups_by_path(file: Group) -> dict[str, Group]:
    # Keras 2.12 to 2.15 on Windows joined the names with backslashes.
    return {name.replace("\\", "/"): item for name, item in file.walk() if isinstance(item, Group)}


def _list_layers(group: Group) -> dict[str, NamedArrays]:
    """The named arrays of an ``.h5`` file, by the stored names of the outermost model's layers."""
    return {name: list(_named_arrays(group.group(name))) for name in attribute_names(group, "layer_names")}


def _list_variables(file: Group) -> dict[str, NamedArrays]:
    """The arrays of ``model.weights.h5``, by the groups of the outermost model's layers."""
    listed: dict[str, NamedArrays] = {}
    for name, item in file.walk():
        parts = name.replace("\\", "/").split("/")
        if isinstance(item, Array) and parts[0] in _CONTAINERS and "vars" in parts:
            listed.setdefault(parts[1], []).append((name, item.read()))
    return listed


def attribute_names(group: Group, attribute: str) -> list[str]:
    """A list of names from an attribute, which Keras splits into ``name0``, ``name1``, … above 64 kB."""
    chunks = [group.attrs[attribute]] if attribute in group.attrs else []
    while f"{attribute}{len(chunks)}" in group.attrs:
        chunks.append(group.attrs[f"{attribute}{len(chunks)}"])
    return [str(name) for chunk in chunks for name in np.atleast_1d(chunk)]


def _named_arrays(group: Group) -> Iterator[tuple[str, np.ndarray]]:
    for name in attribute_names(group, "weight_names"):
        yield name, group.array(name)


def _share_out(layer: Layer, path: LayerPath, arrays: NamedArrays, weights: dict[LayerPath, NamedArrays]) -> None:
    """Assign a layer's list of arrays to the layers inside it, or to itself if there are none."""
    if not arrays:
        return
    if is_model(layer):
        inner = dict(inner_layers(layer))
        for name, part in _parts_of_model(layer, path, arrays).items():
            _share_out(inner[name], (*path, name), part, weights)
        return
    wrapped = _with_weights(layer)
    if not wrapped:
        weights[path] = arrays
    # Several layers in a wrapper have the same structure, so each has the same number of arrays.
    for number, (name, described) in enumerate(wrapped):
        start, end = (place * len(arrays) // len(wrapped) for place in (number, number + 1))
        _share_out(described, (*path, name), arrays[start:end], weights)


def _with_weights(layer: Layer) -> list[tuple[str, Layer]]:
    """A wrapper's inner layers with weights at their own paths; none if all weights are at the wrapper's."""
    if wrapper_record(layer).weights is not Weights.INNER:
        return []
    return [(inner.name, described) for inner, described in described_inner_layers(layer)]


def _parts_of_model(layer: Layer, path: LayerPath, arrays: NamedArrays) -> dict[str, NamedArrays]:
    """A nested model's arrays by the name of their layer, in the stored order."""
    owners: dict[str, str] = {}
    for inner_path, inner in walk(layer, path):
        for name in (inner_path[-1], layer_name(inner)):
            owners.setdefault(name, inner_path[len(path)])
    parts: dict[str, NamedArrays] = {}
    for name, array in arrays:
        owner = _owner(name, owners)
        if owner is None:
            raise ModelFileError(
                f"The weights of the nested model '{'/'.join(path)}' cannot be told apart.",
                expected=f"names that begin with one of its layers: {', '.join(dict.fromkeys(owners.values()))}",
                received=name,
                next_step="save the model again as a .keras file, or report the file",
            )
        parts.setdefault(owner, []).append((name, array))
    return parts


def _owner(weight_name: str, owners: dict[str, str]) -> str | None:
    """The layer that a weight's name identifies: ``model/dense_1/kernel:0``, or in Keras 1 ``dense_1_W``."""
    for segment in reversed(weight_name.split("/")):
        if segment in owners:
            return owners[segment]
    prefixes = [name for name in owners if weight_name.startswith(name + "_")]
    return owners[max(prefixes, key=len)] if prefixes else None


def _leaf_paths(layer: Layer, path: LayerPath) -> Iterator[LayerPath]:
    return (inner_path for inner_path, inner in walk(layer, path) if not list(inner_layers(inner)))


def _read_zip_container(
    groups: dict[str, Group],
    prefix: str,
    model: Layer,
    path: LayerPath,
    weights: dict[LayerPath, NamedArrays],
) -> None:
    for group, name, layer in _zip_layers(groups, prefix, model):
        _read_zip_layer(groups, group, layer, (*path, name), weights)


def _zip_layers(groups: dict[str, Group], prefix: str, model: Layer) -> Iterator[tuple[str, str, Layer]]:
    """Yield the group of each layer of a model, with the layer's name and description."""
    container = prefix + next((c for c in _CONTAINERS if f"{prefix}{c}" in groups), _CONTAINERS[0])
    names = {g[len(container) + 1 :] for g in groups if g.startswith(f"{container}/")}
    by_key: dict[str, list[tuple[str, Layer]]] = {}
    for name, layer in inner_layers(model):
        # Keras omits the input layer from a Sequential's layers.
        if layer["class_name"] != "InputLayer" or model["class_name"] != "Sequential":
            by_key.setdefault(_group_key(layer), []).append((name, layer))
    for key, layers in by_key.items():
        numbered = sorted((n for n in names if re.fullmatch(rf"{key}(_\d+)?", n)), key=_natural)
        if len(numbered) != len(layers):
            numbered = _numbered([key] * len(layers))
        # Keras 2.12 and 2.13 skipped numbers: each layer with weights was counted twice.
        for group, (name, layer) in zip(numbered, layers, strict=True):
            yield f"{container}/{group}", name, layer


def _read_zip_layer(
    groups: dict[str, Group],
    group: str,
    layer: Layer,
    path: LayerPath,
    weights: dict[LayerPath, NamedArrays],
) -> None:
    if is_model(layer):
        _read_zip_container(groups, f"{group}/", layer, path, weights)
    elif inner := _with_weights(layer):
        for name, described in inner:
            _read_zip_layer(groups, f"{group}/{name}", described, (*path, name), weights)
    elif (record := wrapper_record(layer)).own_weights:
        arrays = [array for each in record.inner for array in _arrays_below(groups, f"{group}/{each.name}")]
        # Its own variables may repeat the kernel that it normalizes; the last ones are its weights.
        _keep(weights, path, arrays + _own_arrays(groups, group)[-record.own_weights :])
    elif cells := list(_stacked_cells(layer)):
        keys = _numbered([f"{place}/{_snake_case(cell['class_name'])}" for place, cell in cells])
        _keep(weights, path, [array for key in keys for array in _arrays_below(groups, f"{group}/{key}")])
    else:
        _keep(weights, path, _arrays_below(groups, group))


def _stacked_cells(layer: Layer) -> Iterator[tuple[str, Layer]]:
    """Yield the cells of a layer whose cell is a list of cells, with the container of their groups."""
    config = layer["config"] if isinstance(layer["config"], dict) else {}
    for key, inner_key in itertools.product(cell_keys(), repeat=2):
        stack = config.get(key)
        if isinstance(stack, dict) and isinstance(stack.get("config"), dict):
            cells = stack["config"].get(inner_key)
            for cell in cells if isinstance(cells, list) else ():
                if is_layer(cell):
                    yield f"{key}/{inner_key}", cell


def _numbered(keys: list[str]) -> list[str]:
    """The names that Keras gives to the groups of one container: ``lstm_cell``, ``lstm_cell_1``, …"""
    return [f"{key}_{keys[:place].count(key)}" if key in keys[:place] else key for place, key in enumerate(keys)]


def _group_key(layer: Layer) -> str:
    # This is the only class whose own name differs from the name under which it is known.
    name = str(layer["class_name"])
    return _snake_case("GroupedQueryAttention" if name == "GroupQueryAttention" else name)


def _arrays_below(groups: dict[str, Group], group: str) -> NamedArrays:
    """A layer's own variables, followed by those of its parts."""
    arrays = _own_arrays(groups, group)
    parts = {g[len(group) + 1 :].partition("/")[0] for g in groups if g.startswith(f"{group}/")} - {"vars"}
    for part in sorted(parts, key=_part_order):
        # The state of a random generator is not a weight.
        if "seed_generator" not in part and "random_generator" not in part:
            arrays += _arrays_below(groups, f"{group}/{part}")
    return arrays


def _own_arrays(groups: dict[str, Group], group: str) -> NamedArrays:
    path = f"{group}/vars"
    if path not in groups:
        return []
    return [(f"{path}/{name}", groups[path].array(name)) for name in sorted(groups[path].members, key=_natural)]


def _keep(weights: dict[LayerPath, NamedArrays], path: LayerPath, arrays: NamedArrays) -> None:
    if arrays:
        weights[path] = arrays


def _part_order(part: str) -> tuple[int, list[int | str]]:
    bare = part.lstrip("_")
    known = weight_group_order()
    return (known.index(bare) if bare in known else len(known), _natural(bare))


def _natural(name: str) -> list[int | str]:
    """Sort ``dense_10`` after ``dense_9``."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]


def _snake_case(class_name: str) -> str:
    """Convert a class name as Keras does in ``.keras`` files: ``SeparableConv2D`` becomes ``separable_conv2d``."""
    bare = re.sub(r"\W+", "", class_name)
    bare = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", bare)
    return re.sub("([a-z])([A-Z])", r"\1_\2", bare).lower()
