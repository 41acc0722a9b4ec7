"""The information that ``edgekit inspect`` shows about a Keras file, without Keras or TensorFlow."""

from __future__ import annotations

import dataclasses
from collections import Counter
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from edgekit_converters.keras_files.architecture import missing_architecture
from edgekit_converters.keras_files.container import KerasFile, open_keras_file
from edgekit_converters.keras_files.description import (
    Layer,
    LayerPath,
    is_model,
    layer_name,
    model_layers,
    reading_description,
    walk,
)
from edgekit_converters.keras_files.description_bounds import MAX_LAYERS
from edgekit_converters.keras_files.output_shapes import Shape, Shapes, endpoints, model_outputs, output_shapes
from edgekit_converters.keras_files.scan import Finding, require_safe, scan
from edgekit_converters.keras_files.stored_weights import list_weights, read_vocabularies, read_weights
from edgekit_converters.keras_files.upgrade import UpgradedModel, upgrade
from edgekit_converters.result_display import ResultDisplay, Summary
from edgekit_runtime.errors import EdgekitError


@dataclass(frozen=True, slots=True)
class TensorSummary:
    """An input or output of the model.

    Attributes:
        name: Name of the layer that reads or produces it.
        shape: Shape; None for a dynamic axis, or for a shape that only Keras can compute.
        dtype: Type of its values.
    """

    name: str
    shape: Shape | None
    dtype: str

    def describe(self) -> str:
        """Format name, type and shape on one line."""
        shape = "shape known to Keras only" if self.shape is None else f"({', '.join(map(_size, self.shape))})"
        return f"{self.name}: {self.dtype} {shape}"


def _size(size: int | None) -> str:
    return "any" if size is None else str(size)


@dataclass(frozen=True, slots=True)
class LayerSummary:
    """A row of the layer table.

    Attributes:
        name: Layer name, preceded by those of the models and wrappers around it, with slashes.
        class_name: Class as stated in the file; "" in a weights-only file.
        output_shape: Shape; None if only Keras can compute it.
        parameters: Number of values, trainable or not.
    """

    name: str
    class_name: str
    output_shape: Shape | None
    parameters: int


@dataclass(frozen=True, slots=True, repr=False)
class KerasFileSummary(ResultDisplay):
    """A Keras file, read without Keras.

    Attributes:
        file: File name.
        size_bytes: File size in bytes.
        container: ``"hdf5"`` or ``"zip"``.
        keras_version: The version that wrote it; "" if it is not stated.
        era: The major version: 1, 2 or 3; 0 if it is not stated.
        backend: The backend that wrote it; "" if it is not stated.
        model_class: Class of the outermost model; "" for a weights-only file.
        inputs: The model's inputs.
        outputs: The model's outputs.
        layers: The layer table, each model and wrapper before its inner layers.
        parameters: Number of values of all layers.
        upgrades: Changes that the upgrade to Keras 3 would make.
        notes: Other notes that a conversion would print.
        findings: Findings of the scan.
        refusal: Reason why the file would not be converted; "" if it would.
        next_step: What the user can do about it; "" if it would be converted.
    """

    file: str
    size_bytes: int
    container: str
    keras_version: str
    era: int
    backend: str
    model_class: str
    inputs: tuple[TensorSummary, ...]
    outputs: tuple[TensorSummary, ...]
    layers: tuple[LayerSummary, ...]
    parameters: int
    upgrades: tuple[str, ...]
    notes: tuple[str, ...]
    findings: tuple[Finding, ...]
    refusal: str
    next_step: str

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain values."""
        return asdict(self)

    def summary(self) -> Summary:
        """Version, size, inputs, outputs, and the result of a conversion."""
        facts = [
            ("Keras", self.keras_version or "not stated"),
            ("size", f"{self.size_bytes:,} bytes"),
            ("model", self.model_class or "weights only"),
            ("layers", f"{len(self.layers):,}"),
            ("parameters", f"{self.parameters:,}"),
            *(("input", tensor.describe()) for tensor in self.inputs),
            *(("output", tensor.describe()) for tensor in self.outputs),
            *(("upgrade", step) for step in self.upgrades),
            *(("note", note) for note in self.notes),
            ("conversion", f"refused: {self.refusal}" if self.refusal else "accepted"),
        ]
        return Summary(f"Keras file {self.file}", (*facts, *((("next", self.next_step),) if self.next_step else ())))


def summarize(path: str | Path) -> KerasFileSummary:
    """Summarize a Keras file, even one that conversion would reject.

    Args:
        path: An ``.h5`` or ``.keras`` file.
    Raises:
        ModelFileError: The file is missing, damaged or of another format.
        UnsafeModelError: Its container refers to files outside itself, or declares more than it stores.
    """
    with open_keras_file(path) as file:
        # Values are not read, so a file of several gigabytes takes no longer.
        shapes_only = dataclasses.replace(file, weights=file.weights.without_values())
        report = scan(file)
        upgraded, refusal = None, None
        inputs: tuple[TensorSummary, ...] = ()
        outputs: tuple[TensorSummary, ...] = ()
        shapes: Shapes = {}
        try:
            require_safe(report)
            upgraded = _upgrade(shapes_only)
            with reading_description():
                shapes = output_shapes(upgraded.config)
                inputs, outputs = _inputs(upgraded.config), _outputs(upgraded.config, shapes)
        except EdgekitError as error:
            upgraded, refusal = None, error
        sizes = _sizes(shapes_only, upgraded)
        return KerasFileSummary(
            file=file.path.name,
            size_bytes=file.path.stat().st_size,
            container=file.container,
            keras_version=file.keras_version,
            era=int(file.keras_version.partition(".")[0] or 0),
            backend=file.backend,
            model_class=str((file.model_config or {}).get("class_name", "")),
            inputs=inputs,
            outputs=outputs,
            layers=tuple(_layers(file, upgraded, shapes, sizes)),
            parameters=sum(sizes.values()),
            upgrades=upgraded.steps if upgraded else (),
            notes=upgraded.notes if upgraded else (),
            findings=report.findings,
            refusal=refusal.problem if refusal else "",
            next_step=refusal.next_step if refusal else "",
        )


def _upgrade(file: KerasFile) -> UpgradedModel:
    if file.model_config is None:
        raise missing_architecture(file.path.name, list_weights(file))
    return upgrade(
        file.model_config,
        file.keras_version,
        file.backend,
        lambda root: read_weights(file, root),
        lambda root: read_vocabularies(file, root),
    )


def _sizes(file: KerasFile, upgraded: UpgradedModel | None) -> dict[LayerPath, int]:
    """Number of values stored for each layer."""
    if upgraded:
        return {path: sum(array.size for array in arrays) for path, arrays in upgraded.weights.items()}
    try:
        stored = list_weights(file)
    except EdgekitError:
        return {}
    return {(name,): sum(array.size for _, array in arrays) for name, arrays in stored.items()}


def _layers(
    file: KerasFile, upgraded: UpgradedModel | None, shapes: Shapes, sizes: dict[LayerPath, int]
) -> list[LayerSummary]:
    if upgraded is None:
        described = _described_layers(file.model_config)
        names = dict.fromkeys([*described, *("/".join(path) for path in sizes)])
        return [LayerSummary(name, described.get(name) or "", None, sizes.get((name,), 0)) for name in names]
    stored = _described_layers(file.model_config)
    inside: Counter[LayerPath] = Counter()
    for owner, size in sizes.items():
        for depth in range(len(owner) + 1):
            inside[owner[:depth]] += size
    rows = []
    for path, layer in walk(upgraded.config, ()):
        name = "/".join(path)
        rows.append(LayerSummary(name, stored.get(name) or str(layer["class_name"]), shapes.get(path), inside[path]))
    return rows


def _described_layers(description: Layer | None) -> dict[str, str]:
    """The classes of a stored description's layers by their paths; empty if the description contradicts itself."""
    try:
        layers = islice(walk(description or {}, ()), MAX_LAYERS)
        return {"/".join(path): str(layer["class_name"])[:80] for path, layer in layers}
    except (KeyError, TypeError, AttributeError):
        return {}


def _inputs(model: Layer) -> tuple[TensorSummary, ...]:
    layers = {layer_name(layer): layer for layer in reversed(model_layers(model))}
    names = [str(end[0]) for end in endpoints(model["config"].get("input_layers"))]
    if not names and model_layers(model):
        first = model_layers(model)[0]
        if is_model(first):
            return _inputs(first)
        names = [layer_name(first)] if first["class_name"] == "InputLayer" else []
    inputs = []
    for name in names:
        config = layers[name]["config"] if name in layers else {}
        shape = config.get("batch_shape")
        dtype = str(config.get("dtype") or "float32")
        inputs.append(TensorSummary(name, None if shape is None else tuple(shape), dtype))
    return tuple(inputs)


def _outputs(model: Layer, shapes: Shapes) -> tuple[TensorSummary, ...]:
    return tuple(TensorSummary(name, shape, "float32") for name, shape in model_outputs(model, shapes).items())
