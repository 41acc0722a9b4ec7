"""Running differences between two models' values; memory does not grow with the data."""

from __future__ import annotations

import heapq
import math

import numpy as np

from edgekit.parity.results import NumericErrors

QUANTILES = (0.5, 0.9, 0.99, 0.999)
#: Bins of absolute differences, each 1 % wider than the previous; values beyond fall into the first or last bin.
_SMALLEST, _LARGEST, _STEP = 1e-12, 1e12, 1.01
_BINS = math.ceil(math.log(_LARGEST / _SMALLEST) / math.log(_STEP))
_WORST = 10


class ErrorTally:
    """Running absolute differences."""

    def __init__(self) -> None:
        self._samples = self._values = self._exact = 0
        self._maximum = self._sum = self._squares = 0.0
        self._reference = self._candidate = self._product = 0.0
        self._histogram = np.zeros(_BINS, np.int64)
        self._worst: list[tuple[float, int, str]] = []

    def add(self, reference: np.ndarray, candidate: np.ndarray, names: tuple[str, ...]) -> None:
        """Add a batch.

        Args:
            reference: Values of the reference, float (N, ...).
            candidate: Values of the candidate, same shape.
            names: Example names.
        """
        first = reference.reshape(len(names), -1).astype(np.float64)
        second = candidate.reshape(len(names), -1).astype(np.float64)
        errors = np.abs(first - second)
        self._values += errors.size
        self._sum += float(errors.sum())
        # Not np.vdot, whose threads compete with those of the interpreter.
        self._squares += float(np.square(errors).sum())
        self._reference += float(np.square(first).sum())
        self._candidate += float(np.square(second).sum())
        self._product += float((first * second).sum())
        self._count(errors)
        largest = errors.max(1, initial=0.0)
        self._maximum = max(self._maximum, float(largest.max(initial=0.0)))
        least = self._worst[0][0] if len(self._worst) == _WORST else -1.0
        for row in np.flatnonzero(largest > least).tolist():
            # Of two equal differences the earlier one is kept.
            entry = (float(largest[row]), -self._samples - row, names[row])
            if len(self._worst) < _WORST:
                heapq.heappush(self._worst, entry)
            elif entry > self._worst[0]:
                heapq.heapreplace(self._worst, entry)
        self._samples += len(names)

    def merge(self, later: ErrorTally) -> None:
        """Add the examples of a tally that were counted elsewhere and come after these."""
        self._maximum = max(self._maximum, later._maximum)
        for name in ("_values", "_exact", "_sum", "_squares", "_reference", "_candidate", "_product", "_histogram"):
            setattr(self, name, getattr(self, name) + getattr(later, name))
        entries = [*self._worst, *((error, place - self._samples, name) for error, place, name in later._worst)]
        # A sorted list is a heap.
        self._worst = sorted(entries)[-_WORST:]
        self._samples += later._samples

    def result(self) -> NumericErrors:
        """Results so far."""
        values = max(1, self._values)
        lengths = math.sqrt(self._reference) * math.sqrt(self._candidate)
        has_ratio = self._squares > 0 and self._reference > 0
        return NumericErrors(
            samples=self._samples,
            values=self._values,
            max_absolute_difference=self._maximum,
            mean_absolute_difference=self._sum / values,
            root_mean_square_difference=math.sqrt(self._squares / values),
            cosine_similarity=min(1.0, self._product / lengths) if lengths else None,
            snr_db=10 * math.log10(self._reference / self._squares) if has_ratio else None,
            quantiles={f"{share:g}": self._quantile(share) for share in QUANTILES},
            worst=tuple((name, error) for error, _, name in sorted(self._worst, reverse=True) if error > 0),
        )

    def _count(self, errors: np.ndarray) -> None:
        positive = errors[errors > 0]
        self._exact += errors.size - positive.size
        bins = np.log(positive / _SMALLEST) / math.log(_STEP)
        self._histogram += np.bincount(bins.clip(0, _BINS - 1).astype(np.int64), minlength=_BINS)

    def _quantile(self, share: float) -> float:
        """The difference that ``share`` of all values does not exceed, approximated by the middle of its bin."""
        rank = math.ceil(share * self._values)
        if rank <= self._exact:
            return 0.0
        index = int(np.searchsorted(np.cumsum(self._histogram), rank - self._exact))
        return float(min(self._maximum, _SMALLEST * _STEP ** (index + 0.5)))
