"""Reliability of a model's confidence: the reliability diagram and the expected calibration error (ECE)."""

from __future__ import annotations

import numpy as np

from edgekit.parity.results import Reliability, ReliabilityBin

#: Bins of equal width for the expected calibration error. Source: Guo et al., On Calibration of Modern Neural
#: Networks (2017).
_BINS = 15
#: Maximum number of bins of the diagram, which have equal counts, and the minimum number of predictions in a bin.
_MOST_SHOWN, _FEWEST_ANSWERS = 10, 20


class ReliabilityTally:
    """Confidence and correctness of a model's predictions."""

    def __init__(self) -> None:
        self._confidence: list[np.ndarray] = []
        self._right: list[np.ndarray] = []

    def add(self, confidence: np.ndarray, right: np.ndarray) -> None:
        """Add a batch.

        Args:
            confidence: Probability of each predicted class, 0 to 1, shape (N,).
            right: Whether each prediction is correct, bool (N,).
        """
        self._confidence.append(np.asarray(confidence))
        self._right.append(np.asarray(right, bool))

    def merge(self, later: ReliabilityTally) -> None:
        """Add the predictions of a tally that come after these."""
        self._confidence += later._confidence
        self._right += later._right

    def result(self) -> Reliability:
        """The diagram and the expected calibration error ``Σ samples/N · |accuracy - confidence|``."""
        if not self._confidence:
            return Reliability(expected_error=0.0, bins=())
        confidence, right = np.concatenate(self._confidence).astype(np.float64), np.concatenate(self._right)
        bins = (np.ceil(confidence * _BINS).astype(np.int64) - 1).clip(0, _BINS - 1)
        gaps = np.bincount(bins, right, minlength=_BINS) - np.bincount(bins, confidence, minlength=_BINS)
        order = np.argsort(confidence, kind="stable")
        return Reliability(
            expected_error=float(np.abs(gaps).sum() / max(1, len(confidence))),
            bins=_bins(confidence[order], right[order]),
        )


def _bins(confidence: np.ndarray, right: np.ndarray) -> tuple[ReliabilityBin, ...]:
    """Bins of about equal counts, at least 20 each; predictions of equal confidence share a bin."""
    count = len(confidence)
    wanted = max(1, min(_MOST_SHOWN, count // _FEWEST_ANSWERS))
    ends = (np.arange(1, wanted + 1) * count) // wanted
    # An integer model gives few different confidences, so a bin ends after the last prediction of its value.
    ends = np.unique(np.searchsorted(confidence, confidence[ends - 1], side="right"))
    ends = ends[np.diff(ends, prepend=0) >= _FEWEST_ANSWERS]
    ends = np.append(ends[:-1], count)
    starts = [0, *ends[:-1]]
    return tuple(
        ReliabilityBin(
            low=float(confidence[start]),
            high=float(confidence[end - 1]),
            samples=int(end - start),
            mean_confidence=float(confidence[start:end].mean()),
            accuracy=float(right[start:end].mean()),
        )
        for start, end in zip(starts, ends, strict=True)
    )
