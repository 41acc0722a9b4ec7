"""Running comparison of two regression models; three numbers per example are kept for the bootstrap."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgekit.parity.paired_statistics import Interval, mae_increase, paired_bootstrap, r2_drop, rmse_increase
from edgekit.parity.results import RegressionFigure, RegressionParity, RegressionSample

#: Examples drawn for an interval in all resamples together: with very many examples, fewer resamples suffice.
_MOST_DRAWN = 40_000_000
#: Values kept for a figure; more dots would overlap.
_MOST_SAMPLED = 600


@dataclass(frozen=True, slots=True)
class ExampleErrors:
    """Errors of both models, one column per example.

    Attributes:
        absolute: Mean absolute error of each example, float64 (2, N).
        squared: Mean squared error of each example, same shape.
    """

    absolute: np.ndarray
    squared: np.ndarray

    @classmethod
    def joined(cls, parts: Sequence[ExampleErrors]) -> ExampleErrors:
        """The examples of all parts."""
        return cls(*(np.concatenate([getattr(part, name) for part in parts], 1) for name in cls.__slots__))

    def of(self, chosen: np.ndarray) -> ExampleErrors:
        """The examples selected by ``chosen``, bool (N,)."""
        return ExampleErrors(self.absolute[:, chosen], self.squared[:, chosen])

    def mae(self, seed: int) -> RegressionFigure:
        """The mean absolute error of both models."""
        return _figure(self.absolute.mean(1), _interval(mae_increase, self.absolute, seed))

    def rmse(self, seed: int) -> RegressionFigure:
        """The root mean squared error of both models."""
        return _figure(np.sqrt(self.squared.mean(1)), _interval(rmse_increase, np.sqrt(self.squared), seed))


def _figure(figures: np.ndarray, interval: Interval | None) -> RegressionFigure:
    reference, candidate = map(float, figures)
    return RegressionFigure(reference, candidate, candidate - reference, interval)


def _interval(statistic: Callable[..., Any], samples: np.ndarray, seed: int) -> Interval | None:
    count = samples.shape[1]
    if count < 2:
        return None
    resamples = min(2000, max(200, _MOST_DRAWN // count))
    return paired_bootstrap(statistic, *samples, resamples=resamples, seed=seed)


class RegressionTally:
    """Running errors of two models.

    Args:
        seed: Seed of the bootstrap.
        start: Number of examples before these, which are counted elsewhere.
    """

    def __init__(self, seed: int, start: int = 0) -> None:
        self._seed = seed
        self._start = start
        self._samples = 0
        self._errors: list[ExampleErrors] = []
        self._signed: list[np.ndarray] = []
        self._moments: np.ndarray | None = None
        self._keys = np.random.PCG64(seed)
        #: One column per value: a random key, the true value and both models' values.
        self._sample = np.empty((4, 0))

    def add(self, reference: np.ndarray, candidate: np.ndarray, ground_truth: np.ndarray) -> ExampleErrors:
        """Add a batch; the three arrays have N rows with the same number of values.

        Returns:
            Errors of the examples in the batch.
        """
        rows = len(ground_truth)
        y = ground_truth.reshape(rows, -1).astype(np.float64)
        errors = np.stack([outputs.reshape(rows, -1).astype(np.float64) - y for outputs in (reference, candidate)])
        of_examples = ExampleErrors(np.abs(errors).mean(2), np.square(errors).mean(2))
        self._errors.append(of_examples)
        if not self._samples:
            # One key per value: each value has the same key wherever it is counted.
            self._keys.advance(self._start * y.shape[1])
        if y.shape[1] == 1:
            self._signed.append(np.concatenate([errors[..., 0], y.T]))
        # For each value of the output: both sums of squared errors, mean and squared deviations of the ground truth.
        mean = y.mean(0)
        moments = np.concatenate([np.square(errors).sum(1), [mean, np.square(y - mean).sum(0)]])
        self._moments = _merged(self._moments, self._samples, moments, rows)
        self._samples += rows
        self._keep_some(y, errors)
        return of_examples

    def merge(self, later: RegressionTally) -> None:
        """Add the examples of a tally that were counted elsewhere and come after these."""
        assert later._moments is not None
        self._errors += later._errors
        self._signed += later._signed
        self._moments = _merged(self._moments, self._samples, later._moments, later._samples)
        self._samples += later._samples
        self._keep_smallest(later._sample)

    def result(self) -> RegressionParity:
        """Results so far."""
        errors = ExampleErrors.joined(self._errors)
        return RegressionParity(
            samples=self._samples,
            mae=errors.mae(self._seed),
            rmse=errors.rmse(self._seed),
            r2=self._r2(),
            sample=RegressionSample(*self._sample[1:]),
        )

    def _keep_some(self, y: np.ndarray, errors: np.ndarray) -> None:
        """Keep the values with the smallest random keys, so that each value is equally likely to be kept."""
        keys = np.random.Generator(self._keys).random(y.size)
        self._keep_smallest(np.stack([keys, y.ravel(), *(y + errors).reshape(2, -1)]))

    def _keep_smallest(self, values: np.ndarray) -> None:
        both = np.concatenate([self._sample, values], axis=1)
        self._sample = both[:, np.argsort(both[0], kind="stable")[:_MOST_SAMPLED]]

    def _r2(self) -> RegressionFigure | None:
        assert self._moments is not None
        errors, deviations = self._moments[:2], self._moments[3]
        if self._samples < 2 or (deviations <= 0).any():
            return None
        reference, candidate = map(float, (1 - errors / deviations).mean(1))
        interval = _interval(r2_drop, np.concatenate(self._signed, 1), self._seed) if self._signed else None
        return RegressionFigure(reference, candidate, reference - candidate, interval)


def _merged(moments: np.ndarray | None, count: int, others: np.ndarray, other_count: int) -> np.ndarray:
    """Moments of two sets of examples, by the parallel form of the variance (Chan, Golub and LeVeque, 1979)."""
    if moments is None:
        return others
    total = count + other_count
    delta = others[2] - moments[2]
    return np.stack(
        [
            *(moments[:2] + others[:2]),
            moments[2] + delta * other_count / total,
            moments[3] + others[3] + np.square(delta) * count * other_count / total,
        ]
    )
