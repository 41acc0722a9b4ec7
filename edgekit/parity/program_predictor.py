"""A PyTorch exported program or a SavedModel as something that predictions batches by name."""

from __future__ import annotations

import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from edgekit.datasets.model_inputs import DEFAULT_PIXEL_RANGE, PixelRange, image_preprocessing
from edgekit_converters.exported_programs.program import read_program
from edgekit_converters.lowering import LoweringProcess, LoweringRequest, ModelInput
from edgekit_converters.saved_models.description import read_graph_file, read_meta_graphs
from edgekit_runtime.errors import ConversionError


class ProgramPredictor:
    """A program that PyTorch or TensorFlow runs in a separate process; see ``Predictor``.

    Args:
        path: A ``.pt2``, or a SavedModel folder; the signature with the same input names as ``compared`` is run.
        compared: Inputs of the .tflite that the program is compared with; images use the layout of these.
    """

    def __init__(self, path: Path, compared: Sequence[ModelInput] = ()) -> None:
        if path.is_dir():
            request = LoweringRequest(path, signature=_signature_with(path, compared))
        else:
            request = LoweringRequest(path, channels_last=_takes_channels_last(path, compared))
        process = LoweringProcess(request)
        process.__enter__()
        # The process ends with this object or with Python.
        weakref.finalize(self, process.__exit__, None, None, None)
        lowered = process.result()
        self.path = path
        self._process = process
        self.inputs = lowered.inputs
        self.outputs = tuple(name for name, _ in lowered.model.description.signatures[0].outputs)
        self.labels: tuple[str, ...] = ()
        self.own_texts: frozenset[str] = frozenset()
        images = {
            each.name: image_preprocessing(each.shape, DEFAULT_PIXEL_RANGE, channels_first=lowered.channels_first)
            for each in self.inputs
        }
        self.pixels: Mapping[str, PixelRange] = {name: how for name, how in images.items() if how is not None}

    def predict(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Predict a batch; see ``Predictor``."""
        predictions = self._process.source_outputs(inputs)
        if predictions is None:
            raise ConversionError(f"{self.path.name} could not be run on this data.")
        return predictions


def _takes_channels_last(path: Path, compared: Sequence[ModelInput]) -> bool:
    """Whether the .tflite has an image input as (N, H, W, C) that the program has as (N, C, H, W)."""
    shapes = {each.name: each.shape[1:] for each in compared}
    for each in read_program(path).inputs:
        first = each.shape[1:]
        if each.is_channels_first_image and shapes.get(each.name, first) == (first[1], first[2], first[0]) != first:
            return True
    return False


def _signature_with(folder: Path, compared: Sequence[ModelInput]) -> str | None:
    """The signature with the input names of the .tflite; None leaves the choice to the lowering."""
    names = {each.name for each in compared}
    compatible = [
        signature.name
        for graph in read_meta_graphs(read_graph_file(folder), folder)
        for signature in graph.signatures.values()
        if {each.name for each in signature.inputs} == names
    ]
    return compatible[0] if len(compatible) == 1 else None
