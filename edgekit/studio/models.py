"""Runs the models of the studio: .tflite files with this machine's interpreter, source models in a child process."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

import edgekit_runtime
from edgekit.artifacts.inspecting import is_tflite
from edgekit.artifacts.training_record import read_training_record
from edgekit.datasets.model_inputs import (
    lowered_inputs,
    model_inputs_with_pixels,
    preprocessing_by_name,
    to_model_input,
)
from edgekit.parity.predictors import matched
from edgekit_converters.lowering import LoweredModel, LoweringProcess, LoweringRequest, ModelInput
from edgekit_runtime.errors import ConversionError, DataError, EdgekitError
from edgekit_runtime.inputs.preprocessing import Preprocessing
from edgekit_runtime.packed_file.manifest import Manifest
from edgekit_runtime.task import IMAGE, UNNAMED, Task
from edgekit_runtime.task_finding import find_task

#: Number of images decoded at once, whatever the number of requests, because a decoded image takes up to 128 MB.
_DECODING = threading.BoundedSemaphore(2)


@dataclass(frozen=True, slots=True)
class RawInputs:
    """Inputs from a user: one image, or values for each input.

    Attributes:
        image: Encoded bytes, or uint8 pixels (H, W, C); None if values are given.
        values: Values (1, ...) by the name of the first model's input; empty if an image is given.
    """

    image: bytes | np.ndarray | None
    values: Mapping[str, np.ndarray]


@dataclass(frozen=True, slots=True)
class Prediction:
    """The prediction of one model for one example.

    Attributes:
        outputs: Real values (1, ...) by output name.
        latency_ms: Latency of the prediction, without reading the image.
        pixels: Image in the model's size, uint8 (H, W, C); None if the model does not take images.
    """

    outputs: Mapping[str, np.ndarray]
    latency_ms: float
    pixels: np.ndarray | None


class StudioModel(Protocol):
    """A model of the studio.

    Attributes:
        path: Path of the file.
        name: Name on the page.
        runs_on: Description of its runtime, for the user.
        size_bytes: Size of the file or folder in bytes.
        inputs: Inputs, in the model's order.
        task: Kinds of the inputs and outputs.
        labels: Class names; empty if unknown.
        preprocessing: Preprocessing of each image input, by name.
    """

    path: Path
    name: str
    runs_on: str
    size_bytes: int
    inputs: tuple[ModelInput, ...]
    task: Task
    labels: tuple[str, ...]
    preprocessing: Mapping[str, Preprocessing]

    def predict(self, inputs: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
        """Real values of each output for real values of each input."""

    def close(self) -> None:
        """Free memory and processes."""


class VariantModel:
    """A .tflite, one of the variants that are compared; see ``StudioModel``.

    Args:
        path: Path of the file.
        name: Name on the page.
    Raises:
        EdgekitError: The file is missing, is damaged or has another format.
    """

    def __init__(self, path: Path, name: str) -> None:
        self.path, self.name = path, name
        self.model = edgekit_runtime.load(path, num_interpreters=1)
        self.manifest: Manifest = self.model.manifest
        self.runs_on = f"{self.model.interpreter} {self.model.interpreter_version}"
        self.size_bytes = path.stat().st_size
        self.inputs = model_inputs_with_pixels(self.model)
        self.task = self.model.task
        self.labels = self.model.labels
        self.preprocessing: Mapping[str, Preprocessing] = preprocessing_by_name(self.inputs)

    def predict(self, inputs: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
        """Predict one example; see ``StudioModel``."""
        return self.model.predict_named(dict(inputs))

    def close(self) -> None:
        """Free the interpreter."""
        self.model.close()


class SourceModel:
    """A Keras file, a SavedModel or a PyTorch program in a separate process; see ``StudioModel``.

    Args:
        path: Path of the file or folder.
        name: Name on the page.
        packed: Labels and preprocessing from the first .tflite of this source; empty if there is none.
    Raises:
        EdgekitError: The source is missing, damaged or unsafe, or cannot be lowered.
    """

    def __init__(self, path: Path, name: str, packed: Manifest) -> None:
        self.path, self.name = path, name
        self._lock = threading.Lock()
        self._resources = ExitStack()
        self._process: LoweringProcess | None = None
        self.lowered: LoweredModel = self._start()
        record = read_training_record(path, self.lowered.source_sha256)
        description = self.lowered.model.description
        self.labels = packed.labels or record.labels
        self.task = find_task(description, [packed.task], label_count=len(self.labels))
        self.runs_on = f"Keras {self.lowered.keras_version}" if self.lowered.keras_version else "its own framework"
        files = path.rglob("*") if path.is_dir() else [path]
        self.size_bytes = sum(file.stat().st_size for file in files if file.is_file())
        recorded = {} if record.preprocessing is None else {UNNAMED: record.preprocessing}
        self.inputs = lowered_inputs(self.lowered, self.task, known=packed.preprocessing or recorded)
        self.preprocessing: Mapping[str, Preprocessing] = preprocessing_by_name(self.inputs)

    def predict(self, inputs: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
        """Predict one example at a time, because there is one process; see ``StudioModel``."""
        with self._lock:
            if self._process is None:
                self._start()
            assert self._process is not None
            outputs = self._process.source_outputs(inputs)
            if outputs is None:
                # It may have ended: the next question starts it anew.
                self._stop()
                raise ConversionError(f"{self.name} could not be run on this input.")
            return outputs

    def close(self) -> None:
        """End the process."""
        with self._lock:
            self._stop()

    def _start(self) -> LoweredModel:
        process = self._resources.enter_context(LoweringProcess(LoweringRequest(self.path)))
        try:
            lowered = process.result()
        except BaseException:
            self._stop()
            raise
        self._process = process
        return lowered

    def _stop(self) -> None:
        self._process = None
        self._resources.close()


def open_models(paths: Sequence[Path]) -> tuple[StudioModel, ...]:
    """Open the models that the studio was started with, in their order.

    Raises:
        EdgekitError: A model cannot be opened.
    """
    names = _distinct_names(paths)
    variants = {path: VariantModel(path, name) for path, name in zip(paths, names, strict=True) if is_tflite(path)}
    packed = next((variant.manifest for variant in variants.values()), Manifest())
    opened: list[StudioModel] = []
    try:
        for path, name in zip(paths, names, strict=True):
            opened.append(variants.get(path) or SourceModel(path, name, packed))
    except BaseException:
        close_all([*variants.values(), *opened])
        raise
    return tuple(opened)


def close_all(models: Sequence[StudioModel]) -> None:
    """Close each model."""
    for model in models:
        model.close()


def image_input(model: StudioModel) -> str | None:
    """Name of the only input if it takes images; None for any other model."""
    if len(model.inputs) != 1:
        return None
    name = model.inputs[0].name
    return name if model.task.inputs[name].name == IMAGE and name in model.preprocessing else None


def predict(model: StudioModel, reference: StudioModel, raw: RawInputs) -> Prediction:
    """Run a model on the inputs of a user.

    Args:
        model: Model to run.
        reference: Model whose input names ``raw`` uses.
        raw: Inputs from the user.
    Raises:
        EdgekitError: The image cannot be read, or the values are not compatible with the model.
    """
    pixels = None
    if raw.image is not None:
        name = image_input(model)
        if name is None:
            raise DataError(f"{model.name} does not take one image.")
        inputs, pixels = _image_inputs(model, name, raw.image)
    else:
        inputs = _value_inputs(model, reference, raw.values)
    started = time.perf_counter()
    outputs = model.predict(inputs)
    return Prediction(outputs, 1000 * (time.perf_counter() - started), pixels)


def read_image(image: bytes | np.ndarray, preprocessing: Preprocessing) -> np.ndarray:
    """Decode an image in a model's size, uint8 (1, H, W, C); the number of parallel decodings is limited."""
    with _DECODING:
        return preprocessing.pixels(image)


def _image_inputs(model: StudioModel, name: str, image: bytes | np.ndarray) -> tuple[dict[str, np.ndarray], np.ndarray]:
    preprocessing = model.preprocessing[name]
    pixels = read_image(image, preprocessing)
    (model_input,) = model.inputs
    values = preprocessing.normalize(pixels)
    return {name: values.reshape(1, *_sizes(model_input, values)).astype(model_input.dtype, copy=False)}, pixels[0]


def _sizes(model_input: ModelInput, values: np.ndarray) -> tuple[int, ...]:
    """The shape of the input without the batch axis; an image without a channel axis is grayscale."""
    return values.shape[1:] if len(model_input.shape) == values.ndim else values.shape[1:-1]


def _value_inputs(
    model: StudioModel, reference: StudioModel, values: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    names = matched([each.name for each in reference.inputs], [each.name for each in model.inputs], "inputs")
    by_name = {each.name: each for each in model.inputs}
    if set(values) != set(names):
        raise DataError(
            "The values do not name the model's inputs.", expected=", ".join(names), received=", ".join(values)
        )
    return {
        names[name]: to_model_input(given, by_name[names[name]].shape, by_name[names[name]].dtype, None)
        for name, given in values.items()
    }


def _distinct_names(paths: Sequence[Path]) -> list[str]:
    """File names, with their folders if two files have the same name."""
    names = [path.name for path in paths]
    return [path.name if names.count(path.name) == 1 else str(path) for path in paths]


def error_fields(error: EdgekitError) -> dict[str, Any]:
    """The fields of an error for the page, truncated to fit."""
    return {name: text[:2000] for name, text in error.to_dict().items()}
