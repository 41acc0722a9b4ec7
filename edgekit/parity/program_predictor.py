"""A PyTorch exported program or a SavedModel as something that answers batches by name."""

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
    """A program that PyTorch or TensorFlow runs in a process of its own; see ``Predictor``.

    Args:
        path: The ``.pt2``, or the folder of a SavedModel, of which the signature with the inputs compared is run.
        compared: Inputs of the .tflite that it is compared with: images are taken in that one's layout.
    """

    def __init__(self, path: Path, compared: Sequence[ModelInput] = ()) -> None:
        if path.is_dir():
            request = LoweringRequest(path, signature=_signature_with(path, compared))
        else:
            request = LoweringRequest(path, channels_last=_takes_channels_last(path, compared))
        process = LoweringProcess(request)
        process.__enter__()
        # The process ends with this object, or with Python.
        weakref.finalize(self, process.__exit__, None, None, None)
        lowered = process.result()
        self.path = path
        self._process = process
        self.inputs = lowered.inputs
        self.outputs = tuple(name for name, _ in lowered.model.description.signatures[0].outputs)
        self.labels: tuple[str, ...] = ()
        images = {
            each.name: image_preprocessing(each.shape, DEFAULT_PIXEL_RANGE, channels_first=lowered.channels_first)
            for each in self.inputs
        }
        self.pixels: Mapping[str, PixelRange] = {name: how for name, how in images.items() if how is not None}

    def predict(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Answer a batch; see ``Predictor``."""
        answers = self._process.source_outputs(inputs)
        if answers is None:
            raise ConversionError(f"{self.path.name} could not be run on this data.")
        return answers


def _takes_channels_last(path: Path, compared: Sequence[ModelInput]) -> bool:
    """Whether the .tflite takes as (N, H, W, C) what the program takes as (N, C, H, W)."""
    shapes = {each.name: each.shape[1:] for each in compared}
    for each in read_program(path).inputs:
        first = each.shape[1:]
        if each.is_channels_first_image and shapes.get(each.name, first) == (first[1], first[2], first[0]) != first:
            return True
    return False


def _signature_with(folder: Path, compared: Sequence[ModelInput]) -> str | None:
    """The signature whose inputs are called as those of the .tflite; None leaves the choice to the lowering."""
    names = {each.name for each in compared}
    fitting = [
        signature.name
        for graph in read_meta_graphs(read_graph_file(folder), folder)
        for signature in graph.signatures.values()
        if {each.name for each in signature.inputs} == names
    ]
    return fitting[0] if len(fitting) == 1 else None
