"""The measured range of every activation, stored so that many recipes can use it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

import numpy as np

#: A learnt limit is used if it is at most this many times as far from 0 as the measured one. Training moves it only
#: slowly from its initial value (-6 to 6 in tfmot); with a limit that is still far out, most codes are never used.
_FARTHEST_LEARNT = 2
#: Share of the samples that ``RangeRule.PERCENTILE`` covers completely.
COVERED_SHARE = 0.99


class RangeRule(str, Enum):
    """Which part of the measured range the integers represent; values outside it are clipped.

    No rule is right for all models: one rare peak makes the steps of ``MINMAX`` coarse, but if the prediction depends
    on the peak, clipping it changes the prediction.

    Attributes:
        MINMAX: The smallest and the largest value over all samples: no measured value is clipped.
        PERCENTILE: Wide enough for all values of 99 % of the samples; the peaks of the others are clipped.
        AVERAGE: The mean of the ranges of single samples, to which litert-quantizer's moving average tends.
    """

    MINMAX = "minmax"
    PERCENTILE = "percentile"
    AVERAGE = "average"


@dataclass(frozen=True, slots=True)
class Ranges:
    """The ranges of a model's activations, measured by ``calibrate``.

    Attributes:
        samples: Number of samples that were run.
        limits: Smallest and largest real value that an integer represents, by tensor name; over all samples unless
            ``clipped`` made them narrower.
        sample_lows: Smallest value in single samples, float64 (R, T): R samples spread evenly over all that were run,
            T tensors in the order of ``limits``. NaN if a sample did not reach the tensor.
        sample_highs: Largest value, likewise.
        learnt: Smallest and largest value from quantization-aware training, by tensor name; may cover only some
            tensors or none.
    """

    samples: int
    limits: Mapping[str, tuple[float, float]]
    sample_lows: np.ndarray = field(repr=False, compare=False)
    sample_highs: np.ndarray = field(repr=False, compare=False)
    learnt: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    def with_learnt(self, learnt: Mapping[str, tuple[float, float]]) -> Ranges:
        """Return the same measurements, with limits learnt in training in place of measured ones.

        The weights were trained with values clipped to these limits. A limit that had not converged stays as measured.
        """
        known = {name: ends for name, ends in learnt.items() if name in self.limits}
        limits = {name: _settled(ends, self.limits[name]) for name, ends in known.items()}
        return replace(self, limits={**self.limits, **limits}, learnt=known)

    @property
    def learnt_in_use(self) -> int:
        """Number of tensors that use at least one of their learnt limits."""
        return sum(
            any(mine == own for mine, own in zip(ends, self.limits[name], strict=True))
            for name, ends in self.learnt.items()
        )

    def clipped(self, rule: RangeRule) -> Ranges:
        """Return the same measurements with the limits that ``rule`` derives from them; no sample is run again."""
        if rule is RangeRule.MINMAX:
            lows, highs = np.nanmin(self.sample_lows, axis=0), np.nanmax(self.sample_highs, axis=0)
        elif rule is RangeRule.PERCENTILE:
            lows = np.nanquantile(self.sample_lows, 1 - COVERED_SHARE, axis=0, method="higher")
            highs = np.nanquantile(self.sample_highs, COVERED_SHARE, axis=0, method="lower")
        else:
            lows, highs = np.nanmean(self.sample_lows, axis=0), np.nanmean(self.sample_highs, axis=0)
        limits = dict(zip(self.limits, zip(lows.tolist(), highs.tolist(), strict=True), strict=True))
        return replace(self, limits=limits).with_learnt(self.learnt)

    def to_dict(self) -> dict[str, Any]:
        """Return the sample count and the limits as plain values."""
        return {"samples": self.samples, "limits": {name: list(limits) for name, limits in self.limits.items()}}


def _settled(learnt: tuple[float, float], measured: tuple[float, float]) -> tuple[float, float]:
    low = learnt[0] if learnt[0] >= _FARTHEST_LEARNT * min(measured[0], 0) else measured[0]
    high = learnt[1] if learnt[1] <= _FARTHEST_LEARNT * max(measured[1], 0) else measured[1]
    return (low, high) if low < high else measured
