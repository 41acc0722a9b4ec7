"""Runs a Keras file, a PyTorch program or a .tflite on batches, with inputs and outputs by name."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from edgekit.datasets.model_inputs import UNSCALED_PIXEL_RANGE, PixelRange, inputs_of
from edgekit.datasets.streams import Batch
from edgekit_converters.exported_programs.archive import is_exported_program
from edgekit_converters.lowering import ModelInput
from edgekit_runtime.boxes.decoder import BoxDecoder
from edgekit_runtime.errors import ModelFileError
from edgekit_runtime.task import UNNAMED, USER, Claim, Task
from edgekit_runtime.task_finding import find_task

#: Examples and bytes per call: enough to keep all cores busy, few enough to fit in memory with large images.
_MOST_EXAMPLES, _MOST_BYTES = 1024, 16_000_000
#: Examples per TensorFlow call: with more, activations no longer fit into the processor's cache.
_KERAS_EXAMPLES = 128


class Predictor(Protocol):
    """A model that predicts batches.

    Attributes:
        path: Model file.
        inputs: Inputs in the model's order.
        outputs: Output names in the model's order.
        labels: Class names; empty if unknown.
        pixels: Preprocessing of images by input name, or under "" for the only image input; empty if the file has none.
        own_texts: Names of the inputs for which the model itself prepares texts.
    """

    path: Path
    inputs: tuple[ModelInput, ...]
    outputs: tuple[str, ...]
    labels: tuple[str, ...]
    pixels: Mapping[str, PixelRange]
    own_texts: frozenset[str]

    def predict(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Real values of each output, (N, ...), for real values of each input, (N, ...), or texts of ``own_texts``."""


def batch_size(inputs: Sequence[ModelInput]) -> int:
    """Number of examples to read and predict at once."""
    sample_bytes = sum(
        np.dtype(each.dtype).itemsize * math.prod(max(size, 1) for size in each.shape[1:]) for each in inputs
    )
    return max(1, min(_MOST_EXAMPLES, _MOST_BYTES // max(1, sample_bytes)))


def own_inputs(model: Predictor, batch: Batch) -> dict[str, np.ndarray]:
    """The inputs of a batch for a model: texts if the model prepares them itself, otherwise prepared values."""
    return {**batch.inputs, **{name: texts for name, texts in batch.raw.items() if name in model.own_texts}}


def open_predictor(path: Path, compared: Sequence[ModelInput] = ()) -> Predictor:
    """Open a Keras file, a SavedModel folder or a PyTorch program, without running code from it, or a .tflite.

    Args:
        path: The file.
        compared: Inputs of the .tflite that the model is compared with, if any.
    Raises:
        EdgekitError: The file is missing, damaged or unsafe.
    """
    if path.suffix == ".tflite":
        return TflitePredictor(path)
    if path.is_dir() or (path.is_file() and is_exported_program(path)):
        from edgekit.parity.program_predictor import ProgramPredictor

        return ProgramPredictor(path, compared)
    return KerasPredictor(path)


class TflitePredictor:
    """A .tflite on this machine's interpreter; see ``Predictor``."""

    def __init__(self, path: Path) -> None:
        import edgekit_runtime

        self.path = path
        self._model = edgekit_runtime.load(path)
        self._raw = self._model.raw_inputs()
        self.inputs = tuple(replace(each, raw=self._raw.get(each.name)) for each in inputs_of(self._model.inputs))
        self.own_texts = frozenset(self._raw)
        self.outputs = tuple(info.name for info in self._model.outputs)
        self.labels = self._model.labels
        self.pixels: Mapping[str, PixelRange] = self._model.manifest.preprocessing
        self.description = self._model.description

    @property
    def box_decoder(self) -> BoxDecoder | None:
        """How outputs become boxes, as packed into the file or as its graph shows; None for other models."""
        return self._model.box_decoder if self._model.detects_boxes else None

    def task(self, claims: Sequence[Claim]) -> Task:
        """The task, decided by the user's claims first, then by the file, then by other claims."""
        user = [claim for claim in claims if claim.source == USER]
        others = [claim for claim in claims if claim.source != USER]
        named = len(self._model.labels)
        return find_task(self.description, [*user, self._model.manifest.task, *others], label_count=named)

    def predict(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Predict a batch; see ``Predictor``."""
        values = {
            name: self._raw[name].prepare(given) if name in self._raw and self._raw[name].is_raw(given) else given
            for name, given in inputs.items()
        }
        return self._model.predict_named(values)


class KerasPredictor:
    """A Keras file on TensorFlow; see ``Predictor``. Inputs and outputs have the names that a conversion gives them."""

    def __init__(self, path: Path) -> None:
        from edgekit_converters.keras_files.load import load_keras_model
        from edgekit_converters.lowering.keras.model import rescales_pixels
        from edgekit_converters.lowering.keras.signature import input_names, output_names
        from edgekit_converters.lowering.keras.texts import KerasTexts, text_layers_by_input
        from edgekit_converters.quiet_tensorflow import import_quietly

        import_quietly()
        self.path = path
        loaded = load_keras_model(path)
        self._model = loaded.model
        text_layers = text_layers_by_input(loaded)
        self._texts, self.own_texts = KerasTexts(text_layers), frozenset(text_layers)
        self.inputs = tuple(
            ModelInput(name, tuple(-1 if size is None else size for size in tensor.shape), str(tensor.dtype))
            for name, tensor in zip(input_names(self._model), self._model.inputs, strict=True)
        )
        self.outputs = tuple(output_names(self._model))
        self.labels: tuple[str, ...] = ()
        self.pixels: Mapping[str, PixelRange] = {UNNAMED: UNSCALED_PIXEL_RANGE} if rescales_pixels(self._model) else {}
        self._call = self._compiled()

    def predict(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Predict a batch; see ``Predictor``."""
        values = self._texts.prepared(inputs)
        arrays = [np.asarray(values[each.name], each.dtype) for each in self.inputs]
        starts = range(0, len(arrays[0]), _KERAS_EXAMPLES)
        parts = [self._call(*(array[start : start + _KERAS_EXAMPLES] for array in arrays)) for start in starts]
        return {
            name: np.concatenate([np.asarray(part[index]) for part in parts]) for index, name in enumerate(self.outputs)
        }

    def _compiled(self) -> Any:
        """The model as one graph, without the checks and callbacks that ``Model.predict`` adds to every batch."""
        import tensorflow as tf

        from edgekit_converters.lowering.keras.signature import call_model

        def call(*tensors: Any) -> list[Any]:
            return call_model(self._model, tensors)

        # An open batch size, so that the smaller last batch is not traced again.
        shapes = [[None, *(None if size == -1 else size for size in each.shape[1:])] for each in self.inputs]
        specs = [tf.TensorSpec(shape, each.dtype) for shape, each in zip(shapes, self.inputs, strict=True)]
        return tf.function(call, input_signature=specs)


def matched(reference: Sequence[str], candidate: Sequence[str], what: str) -> dict[str, str]:
    """Map the reference's names to the candidate's: equal names if the sets are equal, otherwise by position.

    Args:
        reference: Names in the reference's order.
        candidate: Names in the candidate's order.
        what: "inputs" or "outputs".
    Raises:
        ModelFileError: The numbers of names differ.
    """
    if len(reference) != len(candidate):
        raise ModelFileError(
            f"The two models have different numbers of {what}.",
            expected=f"{len(reference)}: {', '.join(reference)}",
            received=f"{len(candidate)}: {', '.join(candidate)}",
            next_step="check that the .tflite was made from this model",
        )
    return (
        {name: name for name in reference}
        if set(reference) == set(candidate)
        else dict(zip(reference, candidate, strict=True))
    )
