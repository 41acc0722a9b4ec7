"""Loads a Keras file of any age as a Keras 3 model, without running code from the file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from edgekit_converters.keras_files.allocation import bounded_parts, bounded_variables, require_bounded_model
from edgekit_converters.keras_files.architecture import missing_architecture, names_by_order, read_architecture
from edgekit_converters.keras_files.container import KerasFile, open_keras_file
from edgekit_converters.keras_files.description import LayerPath, LearntRange
from edgekit_converters.keras_files.input_shape import fix_input_shape
from edgekit_converters.keras_files.scan import ScanReport, require_safe, scan, scan_description
from edgekit_converters.keras_files.stored_weights import (
    list_weights,
    read_vocabularies,
    read_weights,
    stored_model_values,
)
from edgekit_converters.keras_files.text_layers import TextLayer
from edgekit_converters.keras_files.upgrade import UpgradedModel, upgrade
from edgekit_converters.keras_files.wrapper_layers import Weights, record_of_built
from edgekit_converters.memory_limits import DEFAULT_MAX_MEMORY, require_fits_flatbuffer, source_bytes
from edgekit_converters.non_finite import describe_non_finite
from edgekit_runtime.errors import ModelFileError

_ANSI = re.compile(r"\x1b\[\d*m")


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A Keras 3 model and information about its source.

    Attributes:
        model: The built model (``keras.Model``) with the file's weights, not compiled.
        keras_version: The version that wrote the file.
        steps: Names of the upgrade steps that changed something.
        notes: Sentences for the user.
        defects: Layers with weights that are NaN or infinite, and how many.
        learnt_ranges: Layers of ``model`` with the ranges that quantization-aware training recorded for them.
        text_layers: Layers that were moved out of the model, by the name of the input in front of them.
    """

    model: Any
    keras_version: str
    steps: tuple[str, ...]
    notes: tuple[str, ...]
    defects: tuple[str, ...] = ()
    learnt_ranges: tuple[tuple[Any, LearntRange], ...] = ()
    text_layers: Mapping[str, TextLayer] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return everything except the model as values for JSON."""
        return {"keras_version": self.keras_version, "steps": list(self.steps), "notes": list(self.notes)}


def load_keras_model(
    path: Path | str,
    *,
    allow_unsafe: bool = False,
    custom_objects: dict[str, Any] | None = None,
    architecture: Any = None,
    input_shape: tuple[int | None, ...] | None = None,
    max_memory: int = DEFAULT_MAX_MEMORY,
) -> LoadedModel:
    """Load a Keras file of any age: open, scan, upgrade, build, set the weights.

    Args:
        path: An ``.h5`` or ``.keras`` file, whatever its name.
        allow_unsafe: Load a file that the scan rejects, and run the code that it contains.
        custom_objects: The user's classes and functions, by their names in the file.
        architecture: The model, for a weights-only file; in one of the forms that ``read_architecture`` accepts.
        input_shape: The shape of the input without the batch axis, for a model with dynamic sizes.
        max_memory: Largest size in bytes of any tensor of the model at batch size 1; at least the file's size.
    Returns:
        The model and the changes to its description.
    Raises:
        ModelFileError: The file is damaged or of another format, uses something without a counterpart in Keras 3, or
            describes a model that needs more weights than it stores, or larger tensors than ``max_memory``.
        ConversionError: The model's weights do not fit into a .tflite.
        UnsafeModelError: The file contains code, or refers to files outside itself.
        UsageError: The architecture or the input shape is incompatible with the file.
    """
    custom_objects = custom_objects or {}
    with open_keras_file(path) as file:
        if not allow_unsafe:
            require_safe(scan(file, custom_names=frozenset(custom_objects)))
        require_fits_flatbuffer(stored_model_values(file), model=file.path.name)
        version, upgraded = _upgrade(file, architecture, custom_objects, allow_unsafe, input_shape)
    stored_values = sum(array.size for arrays in upgraded.weights.values() for array in arrays)
    with bounded_variables(stored_values, file.path.name):
        model = build(upgraded, custom_objects=custom_objects, allow_unsafe=allow_unsafe)
    require_bounded_model(model, max(max_memory, source_bytes(file.path)), file.path.name)
    _set_weights(model, upgraded.weights)
    _restore_names(model, upgraded.source_names)
    defects = tuple(_defects(upgraded))
    learnt_ranges = tuple(
        (layer, upgraded.learnt_ranges[path])
        for path, layer in _leaf_layers(model, ())
        if path in upgraded.learnt_ranges
    )
    return LoadedModel(
        model, version, upgraded.steps, upgraded.notes, defects, learnt_ranges, text_layers=upgraded.text_layers
    )


def build(upgraded: UpgradedModel, *, custom_objects: dict[str, Any], allow_unsafe: bool = False) -> Any:
    """Build the Keras 3 model from an upgraded description, without its weights.

    Raises:
        ModelFileError: Keras rejects a part of the description.
    """
    import keras
    from tensorflow.errors import OpError

    from edgekit_converters.keras_files import replacement_layers  # noqa: F401  (it registers the layers)

    try:
        with bounded_parts():
            model = keras.saving.deserialize_keras_object(
                upgraded.config, custom_objects=custom_objects, safe_mode=not allow_unsafe
            )
    except (ValueError, TypeError, KeyError, AttributeError, IndexError, RuntimeError, OpError) as error:
        raise ModelFileError(
            "Keras could not build the model from its description.",
            received=_short(error),
            next_step=f"check the code of {', '.join(custom_objects)}: the file needs what it was saved with"
            if custom_objects
            else "report this file: edgekit should read every model made of Keras's own layers",
        ) from error
    if not model.built:
        raise ModelFileError(
            "The file doesn't say which input shape the model takes.",
            next_step="pass it, without the batch: --input-shape 28,28,1",
        )
    return model


def _upgrade(
    file: KerasFile,
    architecture: Any,
    custom_objects: dict[str, Any],
    allow_unsafe: bool,
    input_shape: tuple[int | None, ...] | None,
) -> tuple[str, UpgradedModel]:
    config, version = file.model_config, file.keras_version
    new_names: dict[str, str] = {}
    names = frozenset(custom_objects)
    if config is None:
        if architecture is None:
            raise missing_architecture(file.path.name, list_weights(file))
        given = read_architecture(architecture)
        if not allow_unsafe:
            found = scan_description(given.config, "the architecture", custom_names=names)
            require_safe(ScanReport(file.path.name, tuple(found)))
        config, version = given.config, given.keras_version or version
        bare = upgrade(config, version, file.backend, lambda root: {}, allow_unsafe=allow_unsafe, custom_names=names)
        stored = list_weights(file)
        with bounded_variables(sum(array.size for arrays in stored.values() for _, array in arrays), file.path.name):
            model = build(bare, custom_objects=custom_objects)
        new_names = names_by_order(stored, [layer.name for layer in model.layers if layer.weights])
    upgraded = upgrade(
        config,
        version,
        file.backend,
        lambda root: read_weights(file, root, new_names),
        lambda root: read_vocabularies(file, root),
        allow_unsafe=allow_unsafe,
        custom_names=names,
    )
    if input_shape is not None:
        fix_input_shape(upgraded.config, input_shape)
    return version, upgraded


def _set_weights(model: Any, weights: dict[LayerPath, list[np.ndarray]]) -> None:
    left_over = set(weights)
    for path, layer in _leaf_layers(model, ()):
        _set_layer(layer, path, weights.get(path, []))
        left_over.discard(path)
    if left_over:
        raise ModelFileError(
            "The file contains weights that belong to no layer of the model.",
            received=", ".join(sorted("/".join(path) for path in left_over)),
            next_step="check that description and weights belong together",
        )


def _defects(upgraded: UpgradedModel) -> Iterator[str]:
    for path, arrays in upgraded.weights.items():
        found = describe_non_finite(arrays)
        if found:
            name = "/".join((upgraded.source_names.get(path[0], path[0]), *path[1:]))
            yield f'layer "{name}": {found}'


def _restore_names(model: Any, source_names: dict[str, str]) -> None:
    """Restore the file's names of inputs and layers; their variables keep the names that TensorFlow accepts."""
    for named in (*model.layers, *model.inputs):
        if named.name in source_names:
            # Bypass Keras's own __setattr__, which rejects changes to a locked model.
            object.__setattr__(named, "name", source_names[named.name])


def _leaf_layers(layer: Any, path: LayerPath) -> list[tuple[LayerPath, Any]]:
    """The layers that have weights of their own, by the paths that ``stored_weights`` uses."""
    if type(layer).__name__ in ("Sequential", "Functional"):
        return [leaf for inner in layer.layers for leaf in _leaf_layers(inner, (*path, inner.name))]
    record = record_of_built(layer)
    if not record.inner or record.weights is Weights.WHOLE:
        return [(path, layer)]
    return [
        leaf
        for inner in record.inner
        for leaf in _leaf_layers(
            getattr(layer, inner.name), path if record.weights is Weights.WRAPPED else (*path, inner.name)
        )
    ]


def _set_layer(layer: Any, path: LayerPath, arrays: list[np.ndarray]) -> None:
    variables = layer.trainable_weights + layer.non_trainable_weights
    expected = [tuple(variable.shape) for variable in variables]
    received = [array.shape for array in arrays]
    if expected != received:
        raise ModelFileError(
            f"The weights of layer '{'/'.join(path)}' don't fit it.",
            expected=", ".join(map(str, expected)) or "no weights",
            received=", ".join(map(str, received)) or "no weights",
            next_step="check that description and weights belong together, or report the file",
        )
    for variable, array in zip(variables, arrays, strict=True):
        variable.assign(array)
    if hasattr(layer, "finalize_state"):  # Normalization computes with copies of its weights.
        layer.finalize_state()


def _short(error: BaseException) -> str:
    """The end of Keras's message; it starts with the descriptions of all models around the failing part."""
    message = error.args[0] if error.args and isinstance(error.args[0], str) else str(error)
    text = " ".join(_ANSI.sub("", message).split())
    for lead in ("Exception encountered: ", "Error encountered: "):
        text = text.rpartition(lead)[2]
    return text[:300]
