"""Measures the noise that each layer adds and has in a .tflite: ``edgekit validate --layers``.

A layer's output differs from Keras's for two reasons: its inputs are noisy, and the layer itself adds noise. To
separate them, the Keras model runs a second time with each layer's output replaced by the .tflite's tensor. Each Keras
layer then receives the .tflite's noisy inputs, and the remaining difference was added by the layer itself.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from edgekit.datasets.model_inputs import with_pixels
from edgekit.datasets.opening import DataRequest, open_data
from edgekit.parity.layers.keras import LayerOutput, record_layers
from edgekit.parity.layers.tensors import tensors_of_layers
from edgekit_converters.tensor_values import TensorValues
from edgekit_runtime.errors import UsageError
from edgekit_runtime.packed_file.manifest import read_manifest
from edgekit_runtime.packed_file.model_file import read_model_file
from edgekit_runtime.task import NOTHING_SAID, Claim
from edgekit_runtime.task_finding import find_task
from edgekit_runtime.tflite.description import TensorDescription
from edgekit_runtime.tflite.tflite_model import TfliteModel

#: Limits for layers without signal or without noise, whose ratio is undefined.
_LEAST_DB, _MOST_DB = -100.0, 200.0
#: Examples per batch, so that all tensors of a large model fit in memory.
_BATCH = 8
#: Noise is a sum over all values of a layer, so more examples change it only by fractions of a decibel.
_MOST_EXAMPLES = 256


@dataclass(frozen=True, slots=True)
class LayerNoise:
    """Noise of one layer.

    Attributes:
        layer: Name of the Keras layer.
        kind: Class of the Keras layer.
        tensor: Name of its tensor; None if the converter fused the layer into a later one.
        index: Tensor index.
        dtype: Tensor type.
        snr_db: Signal-to-noise ratio in dB, ``10 log10(Σ keras² / Σ (keras − tflite)²)``, limited to -100…200.
        added_snr_db: The same relative to the Keras layer on the .tflite's inputs, that is without inherited noise.
            Layers are ranked by it.
        minimum: Smallest output of the Keras layer.
        maximum: Largest output of the Keras layer.
        clipped: Share of the Keras layer's outputs outside the range of the tensor, a fraction; None if the tensor is
            float.
        scale: Scale of the tensor; None if the tensor is float.
        zero_point: Zero point of the tensor; None if the tensor is float.
    """

    layer: str
    kind: str
    tensor: str | None
    index: int | None
    dtype: str | None
    snr_db: float | None
    added_snr_db: float | None
    minimum: float
    maximum: float
    clipped: float | None
    scale: float | None
    zero_point: int | None

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain values."""
        return asdict(self)


class _Sums:
    """Running sums of one layer."""

    def __init__(self, layer: LayerOutput, tensor: TensorDescription | None) -> None:
        self.name, self.kind, self.tensor = layer.name, layer.kind, tensor
        self._signal = self._noise = self._own_signal = self._added = 0.0
        self._clipped = self._count = 0
        self._minimum, self._maximum = math.inf, -math.inf

    def add(self, values: np.ndarray, held: np.ndarray | None) -> None:
        """Add a batch of the Keras layer's output, and of the corresponding tensor of the .tflite if there is one."""
        self._minimum = min(self._minimum, float(values.min()))
        self._maximum = max(self._maximum, float(values.max()))
        if self.tensor is None or held is None:
            return
        reference = values.astype(np.float64).ravel()
        self._signal += float(np.sum(reference**2))
        self._noise += float(np.sum((reference - held.astype(np.float64).ravel()) ** 2))
        self._count += reference.size
        limits = _limits(self.tensor)
        if limits is not None:
            self._clipped += int(np.count_nonzero((reference < limits[0]) | (reference > limits[1])))

    def add_own(self, values: np.ndarray, held: np.ndarray) -> None:
        """Add a batch of the Keras layer's output for the .tflite's inputs, and of the .tflite's output."""
        expected = values.astype(np.float64).ravel()
        self._own_signal += float(np.sum(expected**2))
        self._added += float(np.sum((expected - held.astype(np.float64).ravel()) ** 2))

    def result(self) -> LayerNoise:
        tensor = self.tensor
        quantized = tensor is not None and _limits(tensor) is not None
        return LayerNoise(
            layer=self.name,
            kind=self.kind,
            tensor=tensor.name if tensor else None,
            index=tensor.index if tensor else None,
            dtype=tensor.dtype if tensor else None,
            snr_db=_decibels(self._signal, self._noise) if tensor else None,
            added_snr_db=_decibels(self._own_signal, self._added) if tensor else None,
            minimum=self._minimum,
            maximum=self._maximum,
            clipped=self._clipped / max(1, self._count) if quantized else None,
            scale=tensor.scales[0] if tensor and quantized else None,
            zero_point=tensor.zero_points[0] if tensor and quantized else None,
        )


def compare_layers(
    model: Any, float_model: TfliteModel, candidate: TfliteModel, batches: Iterable[Mapping[str, np.ndarray]]
) -> tuple[LayerNoise, ...]:
    """Compare every layer of a Keras model with its tensor in a .tflite.

    Args:
        model: The built ``keras.Model``.
        float_model: The float32 .tflite of the model, in which the tensors of layers are found by their values.
        candidate: The .tflite to compare.
        batches: Real values (N, …) for each input, by the names in the .tflite.
    Returns:
        Layers sorted by added noise, largest first; layers without a tensor come last.
    Raises:
        InterpreterError: LiteRT cannot run one of the models.
    """
    from edgekit_converters.lowering.keras.signature import input_names

    plain, quantized = TensorValues(float_model), TensorValues(candidate)
    sums: dict[str, _Sums] = {}
    for batch in batches:
        inputs = [batch[name] for name in input_names(model)]
        layers = record_layers(model, inputs)
        if not sums:
            found = _tensors_by_one_example(model, batch, plain, quantized)
            sums = {layer.name: _Sums(layer, found.get(layer.name)) for layer in layers}
        # Whether a layer's output equals its input can differ between batches.
        known = [layer for layer in layers if layer.name in sums]
        tensors = {layer.name: sums[layer.name].tensor for layer in known}
        held = _held(quantized, {name: tensor for name, tensor in tensors.items() if tensor is not None}, batch)
        for layer in known:
            sums[layer.name].add(layer.values, held.get(layer.name))
        for layer in record_layers(model, inputs, passed_on=held):
            if layer.name in held:
                sums[layer.name].add_own(layer.values, held[layer.name])
    return worst_first([layer_sums.result() for layer_sums in sums.values()])


def _tensors_by_one_example(
    model: Any, batch: Mapping[str, np.ndarray], plain: TensorValues, quantized: TensorValues
) -> Mapping[str, TensorDescription]:
    """The tensor of each layer, found by one batch, or by one example if one of the forms takes no more."""
    from edgekit_converters.lowering.keras.signature import input_names

    if plain.batch is not None or quantized.batch is not None:
        batch = {name: values[:1] for name, values in batch.items()}
    plain.run(batch)
    quantized.run(batch)
    return tensors_of_layers(record_layers(model, [batch[name] for name in input_names(model)]), plain, quantized)


def _held(
    quantized: TensorValues, tensors: Mapping[str, TensorDescription], batch: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Real values of some tensors for a batch, by layer: one example at a time if the .tflite takes no more.

    The Keras model, which is slow to start, runs the whole batch in any case.
    """
    if quantized.batch is None:
        quantized.run(batch)
        return {name: quantized.real(tensor) for name, tensor in tensors.items()}
    rows: dict[str, list[np.ndarray]] = {name: [] for name in tensors}
    for row in range(len(next(iter(batch.values())))):
        quantized.run({name: values[row : row + 1] for name, values in batch.items()})
        for name, tensor in tensors.items():
            rows[name].append(quantized.real(tensor).ravel().copy())
    return {name: np.stack(values) for name, values in rows.items()}


def worst_first(layers: Sequence[LayerNoise]) -> tuple[LayerNoise, ...]:
    """Sort layers by added noise relative to the signal; layers without a tensor come last."""
    return tuple(sorted(layers, key=lambda layer: math.inf if layer.added_snr_db is None else layer.added_snr_db))


def compare_layers_on_data(
    reference: Path,
    candidate: Path,
    data: DataRequest,
    *,
    pixel_ranges: Mapping[str, tuple[float, float]] = MappingProxyType({}),
    claim: Claim = NOTHING_SAID,
) -> tuple[LayerNoise, ...]:
    """As :func:`compare_layers`, for files: the Keras model is loaded here and lowered in a separate process.

    Args:
        reference: Keras file.
        candidate: The .tflite converted from it.
        data: Dataset; at most 256 of its held-back examples are used.
        pixel_ranges: Real values of pixels 0 and 255 by input name; other inputs use what is packed into ``candidate``.
        claim: Task as declared by the user.
    Raises:
        UsageError: The reference is a .tflite, which has no layers.
        EdgekitError: A file is missing, damaged or unsafe, or the data does not fit.
    """
    from edgekit_converters.keras_files.load import load_keras_model
    from edgekit_converters.lowering import LoweringProcess, LoweringRequest
    from edgekit_converters.quiet_tensorflow import import_quietly

    if reference.suffix == ".tflite":
        raise UsageError(
            "--layers needs the Keras model.",
            received=f"{reference.name}: a .tflite has operators, not layers",
            next_step="pass the .h5 or .keras file that it was converted from",
        )
    content = read_model_file(candidate)
    manifest, tflite = read_manifest(content), TfliteModel(content)
    with LoweringProcess(LoweringRequest(reference)) as process:
        import_quietly()
        model = load_keras_model(reference).model
        lowered = process.result()
    task = find_task(lowered.model.description, [claim, manifest.task])
    inputs = with_pixels(lowered.inputs, task, pixel_ranges, packed=manifest.preprocessing)
    held_back = open_data(data, inputs).held_back
    is_fixed = any(each.shape[0] is not None for each in model.inputs)
    size = 1 if is_fixed else _BATCH
    batches = held_back.sample(_MOST_EXAMPLES, seed=data.seed).batches(size)
    return compare_layers(model, lowered.model, tflite, (batch.inputs for batch in batches))


def _limits(tensor: TensorDescription) -> tuple[float, float] | None:
    """The range of real values that round to a code of the tensor; None if it is float."""
    if not tensor.scales or not tensor.dtype.startswith(("int", "uint")):
        return None
    codes = np.iinfo(tensor.dtype)
    scale, zero_point = tensor.scales[0], tensor.zero_points[0]
    return scale * (codes.min - zero_point - 0.5), scale * (codes.max - zero_point + 0.5)


def _decibels(signal: float, noise: float) -> float:
    if noise == 0.0:
        return _MOST_DB
    if signal == 0.0:
        return _LEAST_DB
    return min(_MOST_DB, max(_LEAST_DB, 10 * math.log10(signal / noise)))
