"""A candidate's answers to a stream of examples beside the reference's, added up."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from edgekit.datasets.streams import Batch
from edgekit.parity.options import ValidationOptions
from edgekit.parity.predictors import Predictor, matched
from edgekit.parity.results import OutputParity
from edgekit.parity.tallies.output_tally import OutputTally
from edgekit_runtime.task import Kind


class Comparison:
    """Running figures of every output.

    Args:
        reference: What is compared with.
        candidate: What is judged.
        kinds: The kind of each of the reference's outputs.
        labels: Names of the classes; empty if none are known.
        options: How to compare.
    Raises:
        ModelFileError: The two models have different numbers of inputs or outputs.
    """

    def __init__(
        self,
        reference: Predictor,
        candidate: Predictor,
        kinds: Mapping[str, Kind],
        labels: tuple[str, ...],
        options: ValidationOptions,
    ) -> None:
        self._candidate = candidate
        self._inputs = matched([x.name for x in reference.inputs], [x.name for x in candidate.inputs], "inputs")
        self._outputs = matched(reference.outputs, candidate.outputs, "outputs")
        self._tallies = {
            name: OutputTally(name, kinds[name], labels, options.top_k, options.seed) for name in reference.outputs
        }

    def add(
        self,
        batch: Batch,
        answers: Mapping[str, np.ndarray],
        *,
        images: Callable[[np.ndarray], np.ndarray] | None = None,
    ) -> None:
        """Ask the candidate what the reference was asked.

        Args:
            batch: The examples, by the reference's names of the inputs.
            answers: The reference's answers, by its names of the outputs.
            images: Gives the images of some rows, uint8 (N, H, W, C), or None.
        """
        judged = self._predict(batch.inputs)
        for name, tally in self._tallies.items():
            targets = batch.targets.get(name, batch.y if len(self._tallies) == 1 else None)
            values = answers[name], judged[self._outputs[name]]
            tally.add(values, targets, batch.names, groups=batch.groups, images=images)

    def predict_first(self, batch: Batch) -> None:
        """Ask the candidate for its answer to the first example, to time it."""
        self._predict({name: values[:1] for name, values in batch.inputs.items()})

    def _predict(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        return self._candidate.predict({self._inputs[name]: values for name, values in inputs.items()})

    def outputs(self) -> tuple[OutputParity, ...]:
        """The figures of each output."""
        return tuple(tally.result() for tally in self._tallies.values())
