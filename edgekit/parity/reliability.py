"""How far confidence can be believed: the reliability diagram and the expected calibration error."""

from __future__ import annotations

import numpy as np

from edgekit.parity.results import Calibration, ReliabilityBin

#: Bins of equal width of the calibration error, as in Guo et al., On Calibration of Modern Neural Networks (2017).
_BINS = 15
#: Bins of equal count of the diagram, and the fewest answers that say something about a share.
_MOST_SHOWN, _FEWEST_ANSWERS = 10, 20


class ReliabilityTally:
    """A model's confidence and its right answers."""

    def __init__(self) -> None:
        self._confidence: list[np.ndarray] = []
        self._right: list[np.ndarray] = []

    def add(self, confidence: np.ndarray, right: np.ndarray) -> None:
        """Take in a batch.

        Args:
            confidence: Probability of each answer, 0 to 1, shape (N,).
            right: Whether each answer is right, bool (N,).
        """
        self._confidence.append(np.asarray(confidence))
        self._right.append(np.asarray(right, bool))

    def result(self) -> Calibration:
        """The diagram, and the expected calibration error ``Σ samples/N · |accuracy - confidence|``."""
        if not self._confidence:
            return Calibration(expected_error=0.0, bins=())
        confidence, right = np.concatenate(self._confidence).astype(np.float64), np.concatenate(self._right)
        places = (np.ceil(confidence * _BINS).astype(np.int64) - 1).clip(0, _BINS - 1)
        gaps = np.bincount(places, right, minlength=_BINS) - np.bincount(places, confidence, minlength=_BINS)
        order = np.argsort(confidence, kind="stable")
        return Calibration(
            expected_error=float(np.abs(gaps).sum() / max(1, len(confidence))),
            bins=_bins(confidence[order], right[order]),
        )


def _bins(confidence: np.ndarray, right: np.ndarray) -> tuple[ReliabilityBin, ...]:
    """Bins of about equally many answers, each at least 20; answers of one confidence stay together."""
    count = len(confidence)
    wanted = max(1, min(_MOST_SHOWN, count // _FEWEST_ANSWERS))
    ends = (np.arange(1, wanted + 1) * count) // wanted
    # An integer model gives few different confidences: a bin ends behind the last of its value.
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
