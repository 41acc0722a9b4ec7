"""Running comparison of the boxes that two detectors find; the image is the unit of the intervals."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from edgekit.parity.average_precision import BOX_METRICS, compare_boxes
from edgekit.parity.found_boxes import as_truth, found_boxes, has_boxes
from edgekit.parity.metrics import FLOAT_PREDICTIONS, LABELLED
from edgekit.parity.results import MetricParity
from edgekit_runtime.boxes.decoder import BoxDecoder


class DetectionTally:
    """Running comparison of two detectors.

    Args:
        decoder: How the outputs of both become boxes.
        seed: Seed of the bootstrap.
    """

    def __init__(self, decoder: BoxDecoder, seed: int) -> None:
        self._decoder, self._seed = decoder, seed
        self._reference: list[np.ndarray] = []
        self._candidate: list[np.ndarray] = []
        self._truth: list[np.ndarray] = []

    @property
    def output(self) -> str:
        """Name of the first output of the head, to which the result belongs."""
        return self._decoder.decoding.outputs[0]

    def add(
        self, reference: Mapping[str, np.ndarray], candidate: Mapping[str, np.ndarray], truth: np.ndarray | None
    ) -> None:
        """Add a batch.

        Args:
            reference: Outputs of the reference by the candidate's names, (N, ...).
            candidate: Outputs of the candidate.
            truth: True boxes, see ``BOX_GROUND_TRUTH``, or None.
        """
        self._reference.append(found_boxes(self._decoder, reference))
        self._candidate.append(found_boxes(self._decoder, candidate))
        if truth is not None:
            self._truth.append(truth)

    def merge(self, later: DetectionTally) -> None:
        """Add the images of a tally that were counted elsewhere and come after these."""
        self._reference += later._reference
        self._candidate += later._candidate
        self._truth += later._truth

    def result(self) -> tuple[MetricParity, ...]:
        """The metrics so far; empty if there is no box to find."""
        reference, candidate = np.concatenate(self._reference), np.concatenate(self._candidate)
        truth = np.concatenate(self._truth) if self._truth else as_truth(reference)
        return (
            tuple(self._metric(name, reference, candidate, truth) for name in BOX_METRICS) if has_boxes(truth) else ()
        )

    def _metric(self, name: str, reference: np.ndarray, candidate: np.ndarray, truth: np.ndarray) -> MetricParity:
        is_labelled = bool(self._truth)
        result = compare_boxes(name, reference, candidate, truth, seed=self._seed)
        return MetricParity(
            name=name,
            against=LABELLED if is_labelled else FLOAT_PREDICTIONS,
            reference=result.reference if is_labelled else None,
            candidate=result.candidate,
            drop=result.reference - result.candidate,
            interval=result.interval,
            p_value=None,
        )
