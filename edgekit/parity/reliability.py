"""How far confidence can be believed: the reliability diagram and the expected calibration error."""

from __future__ import annotations

import numpy as np

from edgekit.parity.results import Calibration, ReliabilityBin

#: As in Guo et al., On Calibration of Modern Neural Networks (2017).
_BINS = 15


class ReliabilityTally:
    """Running sums of a model's confidence and of its right answers, by confidence."""

    def __init__(self) -> None:
        self._samples = np.zeros(_BINS, np.int64)
        self._confidence = np.zeros(_BINS)
        self._right = np.zeros(_BINS, np.int64)

    def add(self, confidence: np.ndarray, right: np.ndarray) -> None:
        """Take in a batch.

        Args:
            confidence: Probability of each answer, 0 to 1, shape (N,).
            right: Whether each answer is right, bool (N,).
        """
        places = (np.ceil(confidence * _BINS).astype(np.int64) - 1).clip(0, _BINS - 1)
        self._samples += np.bincount(places, minlength=_BINS)
        self._confidence += np.bincount(places, confidence, minlength=_BINS)
        self._right += np.bincount(places, right, minlength=_BINS).astype(np.int64)

    def result(self) -> Calibration:
        """The diagram, and the expected calibration error ``Σ samples/N · |accuracy - confidence|``."""
        gaps = np.abs(self._right - self._confidence).sum()
        return Calibration(
            expected_error=float(gaps / max(1, self._samples.sum())),
            bins=tuple(
                ReliabilityBin(
                    low=place / _BINS,
                    high=(place + 1) / _BINS,
                    samples=int(samples),
                    mean_confidence=float(self._confidence[place] / samples) if samples else None,
                    accuracy=float(self._right[place] / samples) if samples else None,
                )
                for place, samples in enumerate(self._samples)
            ),
        )
