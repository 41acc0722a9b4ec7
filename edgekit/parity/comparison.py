"""Accumulates the comparison of a candidate's predictions with the reference's, batch by batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from edgekit.datasets.ground_truth import BOX_GROUND_TRUTH
from edgekit.datasets.streams import Batch
from edgekit.parity.options import ValidationOptions
from edgekit.parity.predictors import Predictor, TflitePredictor, matched
from edgekit.parity.results import OutputParity
from edgekit.parity.tallies.detection_tally import DetectionTally
from edgekit.parity.tallies.output_tally import OutputTally
from edgekit_runtime.task import Kind


@dataclass(frozen=True, slots=True)
class Tallies:
    """Running figures of some examples.

    Attributes:
        outputs: Figures of each output, by the reference's names.
        detection: Figures of the boxes; None for other models.
    """

    outputs: Mapping[str, OutputTally]
    detection: DetectionTally | None


class Comparison:
    """Running figures for every output.

    Args:
        reference: Model to compare with.
        candidate: Model to judge.
        kinds: Kind of each output, by the reference's names.
        labels: Class names; empty if unknown.
        options: Options of the comparison.
        start: Number of examples before these, which are compared elsewhere.
    Raises:
        ModelFileError: The two models have different numbers of inputs or outputs.
    """

    def __init__(
        self,
        reference: Predictor,
        candidate: TflitePredictor,
        kinds: Mapping[str, Kind],
        labels: tuple[str, ...],
        options: ValidationOptions,
        *,
        start: int = 0,
    ) -> None:
        self._candidate = candidate
        self._inputs = matched([x.name for x in reference.inputs], [x.name for x in candidate.inputs], "inputs")
        self._outputs = matched(reference.outputs, candidate.outputs, "outputs")
        self._tallies = {
            name: OutputTally(name, kinds[name], labels, options.top_k, options.seed, start=start)
            for name in reference.outputs
        }
        decoder = candidate.box_decoder
        self._detection = None if decoder is None else DetectionTally(decoder, options.seed)

    @property
    def tallies(self) -> Tallies:
        """The running figures without the models, which another process can merge into its own."""
        return Tallies(self._tallies, self._detection)

    def merge(self, later: Tallies) -> None:
        """Add the figures of examples that were compared elsewhere and come after these."""
        for name, tally in later.outputs.items():
            self._tallies[name].merge(tally)
        if self._detection is not None and later.detection is not None:
            self._detection.merge(later.detection)

    def add(
        self,
        batch: Batch,
        predictions: Mapping[str, np.ndarray],
        *,
        images: Callable[[np.ndarray], np.ndarray] | None = None,
    ) -> None:
        """Run the candidate on the batch that the reference was run on.

        Args:
            batch: Examples, with inputs by the reference's names.
            predictions: Predictions of the reference by output name.
            images: Returns the images of given rows, uint8 (N, H, W, C), or None.
        """
        judged = self.predict(batch.inputs)
        for name, tally in self._tallies.items():
            ground_truth = batch.ground_truth.get(name, batch.y if len(self._tallies) == 1 else None)
            values = predictions[name], judged[self._outputs[name]]
            tally.add(values, ground_truth, batch.names, groups=batch.groups, images=images)
        if self._detection is not None:
            expected = {own: predictions[name] for name, own in self._outputs.items()}
            self._detection.add(expected, judged, batch.ground_truth.get(BOX_GROUND_TRUTH))

    def predict(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Predictions of the candidate by its own output names, for inputs by the reference's names."""
        return self._candidate.predict({self._inputs[name]: values for name, values in inputs.items()})

    def outputs(self) -> tuple[OutputParity, ...]:
        """Results for each output."""
        results = {self._outputs[name]: tally.result() for name, tally in self._tallies.items()}
        if self._detection is not None:
            first = results[self._detection.output]
            results[self._detection.output] = replace(first, metrics=(*self._detection.result(), *first.metrics))
        return tuple(results.values())
