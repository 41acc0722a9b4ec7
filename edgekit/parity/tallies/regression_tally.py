"""Two models of real values against real targets: three numbers an example are kept, for the bootstrap."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from edgekit.parity.paired_statistics import Interval, mae_increase, paired_bootstrap, r2_drop, rmse_increase
from edgekit.parity.results import RegressionFigure, RegressionParity

#: Examples drawn for an interval, all resamples together: of very many examples, fewer resamples tell as much.
_MOST_DRAWN = 40_000_000


class RegressionTally:
    """Running figures of two models' errors.

    Args:
        seed: Seed of the bootstrap.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._samples = 0
        self._absolute: list[np.ndarray] = []
        self._squared: list[np.ndarray] = []
        self._signed: list[np.ndarray] = []
        self._moments: np.ndarray | None = None

    def add(self, reference: np.ndarray, candidate: np.ndarray, targets: np.ndarray) -> None:
        """Take in a batch; the three have N rows of equally many values."""
        rows = len(targets)
        y = targets.reshape(rows, -1).astype(np.float64)
        errors = np.stack([outputs.reshape(rows, -1).astype(np.float64) - y for outputs in (reference, candidate)])
        self._absolute.append(np.abs(errors).mean(2))
        self._squared.append(np.square(errors).mean(2))
        if y.shape[1] == 1:
            self._signed.append(np.concatenate([errors[..., 0], y.T]))
        # By value of the output: both sums of squared errors, the targets' mean and squared deviation from it.
        self._moments = _merged(self._moments, self._samples, y, np.square(errors).sum(1))
        self._samples += rows

    def result(self) -> RegressionParity:
        """The figures so far."""
        absolute, roots = np.concatenate(self._absolute, 1), np.sqrt(np.concatenate(self._squared, 1))
        return RegressionParity(
            samples=self._samples,
            mae=self._figure(absolute.mean(1), mae_increase, absolute),
            rmse=self._figure(np.sqrt(np.square(roots).mean(1)), rmse_increase, roots),
            r2=self._r2(),
        )

    def _figure(self, figures: np.ndarray, statistic: Callable[..., Any], samples: np.ndarray) -> RegressionFigure:
        reference, candidate = map(float, figures)
        return RegressionFigure(reference, candidate, candidate - reference, self._interval(statistic, samples))

    def _interval(self, statistic: Callable[..., Any], samples: np.ndarray) -> Interval | None:
        if self._samples < 2:
            return None
        resamples = min(2000, max(200, _MOST_DRAWN // self._samples))
        return paired_bootstrap(statistic, *samples, resamples=resamples, seed=self._seed)

    def _r2(self) -> RegressionFigure | None:
        assert self._moments is not None
        errors, deviations = self._moments[:2], self._moments[3]
        if self._samples < 2 or (deviations <= 0).any():
            return None
        reference, candidate = map(float, (1 - errors / deviations).mean(1))
        interval = self._interval(r2_drop, np.concatenate(self._signed, 1)) if self._signed else None
        return RegressionFigure(reference, candidate, reference - candidate, interval)


def _merged(moments: np.ndarray | None, count: int, y: np.ndarray, squares: np.ndarray) -> np.ndarray:
    """Moments with a batch more; the parallel form of the variance (Chan, Golub and LeVeque, 1979)."""
    mean = y.mean(0)
    batch = np.concatenate([squares, [mean, np.square(y - mean).sum(0)]])
    if moments is None:
        return batch
    total = count + len(y)
    delta = mean - moments[2]
    return np.stack(
        [
            *(moments[:2] + squares),
            moments[2] + delta * len(y) / total,
            moments[3] + batch[3] + np.square(delta) * count * len(y) / total,
        ]
    )
