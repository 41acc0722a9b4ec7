"""Running metrics for outputs with many parts per example (pixels, steps, labels); the example is the unit."""

from __future__ import annotations

import numpy as np

from edgekit.parity.metrics import FLOAT_PREDICTIONS, LABELLED, METRICS, Metric, compare_parts, truth_of
from edgekit.parity.paired_statistics import sign_flip_test
from edgekit.parity.results import MetricParity
from edgekit_runtime.task import CLASSES, LABELS, MASK, SEQUENCE, STATE

#: Metrics of each kind; the first is the one that thresholds apply to. Other kinds have their own tallies.
METRICS_OF_KIND = {
    CLASSES: ("top1",),
    LABELS: ("f1", "agreement"),
    MASK: ("mean_iou", "pixel_accuracy", "agreement"),
    SEQUENCE: ("token_accuracy", "exact_match", "agreement"),
    STATE: ("snr",),
}


class MetricTally:
    """Running metrics of one output.

    Args:
        kind: Kind of the output, one of ``METRICS_OF_KIND``.
        seed: Seed of the intervals and tests.
    """

    def __init__(self, kind: str, seed: int) -> None:
        self._kind, self._seed = kind, seed
        self._parts: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {}
        self._against: dict[str, str] = {}

    def add(self, reference: np.ndarray, candidate: np.ndarray, ground_truth: np.ndarray | None) -> None:
        """Add a batch of both models' outputs (N, ...), with ground truth or None."""
        own = truth_of(self._kind, reference)
        for name in METRICS_OF_KIND[self._kind]:
            is_labelled = ground_truth is not None and name not in ("agreement", "snr")
            truth = ground_truth if is_labelled and ground_truth is not None else own
            self._against[name] = LABELLED if is_labelled else FLOAT_PREDICTIONS
            parts = METRICS[name].parts
            self._parts.setdefault(name, []).append((parts(reference, truth), parts(candidate, truth)))

    def merge(self, later: MetricTally) -> None:
        """Add the examples of a tally that were counted elsewhere and come after these."""
        self._against |= later._against
        for name, parts in later._parts.items():
            self._parts.setdefault(name, []).extend(parts)

    def result(self) -> tuple[MetricParity, ...]:
        """The metrics so far."""
        return tuple(self._metric(METRICS[name]) for name in self._parts)

    def _metric(self, metric: Metric) -> MetricParity:
        # If a model outputs classes instead of scores, batches can differ in their number of classes.
        reference, candidate = (_stacked(batches) for batches in zip(*self._parts[metric.name], strict=True))
        paired = compare_parts(metric, reference, candidate, seed=self._seed)
        is_labelled = self._against[metric.name] == LABELLED
        differences = np.asarray(metric.score(reference)) - np.asarray(metric.score(candidate))
        return MetricParity(
            name=metric.name,
            against=self._against[metric.name],
            reference=paired.reference if is_labelled else None,
            candidate=paired.candidate,
            drop=paired.drop if metric.is_share else None,
            interval=paired.interval if metric.is_share else None,
            p_value=sign_flip_test(differences, seed=self._seed) if is_labelled else None,
        )


def _stacked(batches: tuple[np.ndarray, ...]) -> np.ndarray:
    widest = max(batch.shape[1] for batch in batches)
    return np.concatenate([np.pad(batch, ((0, 0), (0, widest - batch.shape[1]))) for batch in batches])
