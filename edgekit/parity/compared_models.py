"""Opens models that are compared on the same data, and gives them what they need of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from edgekit.datasets.model_inputs import image_preprocessing, with_pixels
from edgekit.datasets.opening import DataRequest, ModelData, open_data, require_source
from edgekit.datasets.streams import Batch
from edgekit.parity.ground_truth_kinds import data_claim
from edgekit.parity.options import ValidationOptions
from edgekit.parity.pixels import as_images
from edgekit.parity.predictors import Predictor, TflitePredictor, matched, open_predictor
from edgekit_converters.lowering import ModelInput
from edgekit_runtime.task import Claim, Task


@dataclass(frozen=True, slots=True)
class ComparedModels:
    """A reference and the .tflite files that are compared with it.

    Attributes:
        reference: The reference.
        candidates: The .tflite files, of one kind of input and the same labels.
        inputs: The reference's inputs, with the pixel ranges of the user, the candidates or the reference.
        labels: Class names; empty if no model has them.
    """

    reference: Predictor
    candidates: tuple[TflitePredictor, ...]
    inputs: tuple[ModelInput, ...]
    labels: tuple[str, ...]
    _names: _Names

    @classmethod
    def open(
        cls, reference: Path, candidates: Sequence[Path], request: DataRequest | None, options: ValidationOptions
    ) -> ComparedModels:
        """Open the models.

        Args:
            reference: Keras file, PyTorch program, or another .tflite.
            candidates: The .tflite files.
            request: Data that has to exist, which is checked before TensorFlow is loaded; None for none.
            options: How to compare.
        Raises:
            EdgekitError: A file is missing or damaged.
        """
        # Candidates first, so that a damaged .tflite is reported without waiting for TensorFlow.
        judged = tuple(TflitePredictor(path) for path in candidates)
        if request is not None:
            require_source(request.source, request.label_column)
        model = open_predictor(reference, judged[0].inputs)
        names = _Names.of(model, judged[0])
        return cls(model, judged, _inputs(model, judged[0], names, options), judged[0].labels or model.labels, names)

    def open_data(self, request: DataRequest) -> ModelData:
        """Open data for the models."""
        return open_data(request, self.inputs, labels=self.labels)

    def task(self, claim: Claim, ground_truth: Mapping[str, np.ndarray]) -> Task:
        """The task, with the reference's names, by the user's claim, the file, and the ground truth."""
        first = self.candidates[0]
        return self._names.task(first, [claim, self._names.data_claim(first, ground_truth)])

    def images(self, batch: Batch) -> Callable[[np.ndarray], np.ndarray] | None:
        """A function that returns images of a batch, or None if no input is an image."""
        for each in self.inputs:
            values = batch.inputs[each.name]
            preprocessing = None if each.pixels is None else image_preprocessing(values.shape, each.pixels)
            if preprocessing is not None:
                return lambda rows: as_images(values[rows], preprocessing)
        return None


@dataclass(frozen=True, slots=True)
class _Names:
    """The candidate's names by the reference's; data and results use the reference's."""

    inputs: Mapping[str, str]
    outputs: Mapping[str, str]

    @classmethod
    def of(cls, reference: Predictor, candidate: Predictor) -> _Names:
        return cls(
            matched([each.name for each in reference.inputs], [each.name for each in candidate.inputs], "inputs"),
            matched(reference.outputs, candidate.outputs, "outputs"),
        )

    def task(self, candidate: TflitePredictor, claims: Sequence[Claim]) -> Task:
        """The candidate's task with the reference's names."""
        task = candidate.task(claims)
        return Task(
            {name: task.inputs[own] for name, own in self.inputs.items()},
            {name: task.outputs[own] for name, own in self.outputs.items()},
        )

    def data_claim(self, candidate: TflitePredictor, ground_truth: Mapping[str, np.ndarray]) -> Claim:
        """The kinds of the candidate's outputs that the ground truth implies."""
        return data_claim(candidate.description, {self.outputs.get(name, name): y for name, y in ground_truth.items()})


def _inputs(
    model: Predictor, candidate: TflitePredictor, names: _Names, options: ValidationOptions
) -> tuple[ModelInput, ...]:
    """The reference's inputs, with the pixel ranges of the user, the candidate or the reference.

    Recordings and texts are prepared as the device does it.
    """
    prepared = {each.name: each.raw for each in candidate.inputs}
    inputs = [replace(each, raw=prepared[names.inputs[each.name]]) for each in model.inputs]
    own = {theirs: ours for ours, theirs in names.inputs.items()}
    given, packed = (
        {own.get(name, name): pixels for name, pixels in known.items()}
        for known in (options.pixel_ranges, candidate.pixels or model.pixels)
    )
    return with_pixels(inputs, names.task(candidate, [options.claim]), given, packed=packed)
