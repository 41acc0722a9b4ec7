"""What calibration measured: the range of every activation, kept so that many recipes can use it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

import numpy as np

#: An end of a learnt range counts if it is at most so many times as far from 0 as the measured one. Training moves it
#: slowly from where it began (-6 to 6 in tfmot), and in one that is still far out most codes stand for nothing.
_FARTHEST_LEARNT = 2
#: Share of the samples that ``RangeRule.PERCENTILE`` covers in full.
COVERED_SHARE = 0.99


class RangeRule(str, Enum):
    """Which part of the measured range the integers represent; values outside of it are clipped.

    No rule is right for all models: one rare peak makes the steps of ``MINMAX`` coarse, and where the peak carries the
    answer, clipping it costs the answer.

    Attributes:
        MINMAX: The smallest and the largest value over all samples: nothing seen is clipped.
        PERCENTILE: Wide enough for all values of 99 % of the samples; the peaks of the others are clipped.
        AVERAGE: The mean of the samples' own ranges, which litert-quantizer's moving average tends to.
    """

    MINMAX = "minmax"
    PERCENTILE = "percentile"
    AVERAGE = "average"


@dataclass(frozen=True, slots=True)
class Ranges:
    """The ranges of a model's activations, measured by ``calibrate``.

    Attributes:
        samples: How many samples were run.
        limits: Smallest and largest real value that an integer represents, by tensor name; over all samples unless
            ``clipped`` made them narrower.
        sample_lows: Smallest value in single samples, float64 (R, T); R samples spread evenly over all that were run,
            T tensors in the order of ``limits``. NaN where a sample did not reach the tensor.
        sample_highs: Largest value, likewise.
        learnt: Smallest and largest value in quantization-aware training, by tensor name, for some tensors or none.
    """

    samples: int
    limits: Mapping[str, tuple[float, float]]
    sample_lows: np.ndarray = field(repr=False, compare=False)
    sample_highs: np.ndarray = field(repr=False, compare=False)
    learnt: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    def with_learnt(self, learnt: Mapping[str, tuple[float, float]]) -> Ranges:
        """The same measurements, with the limits that training learnt in place of the measured ones.

        The weights were trained for what these clip. An end that training had not settled stays as measured.
        """
        known = {name: ends for name, ends in learnt.items() if name in self.limits}
        limits = {name: _settled(ends, self.limits[name]) for name, ends in known.items()}
        return replace(self, limits={**self.limits, **limits}, learnt=known)

    @property
    def learnt_in_use(self) -> int:
        """How many tensors have an end of their learnt range for a limit."""
        return sum(
            any(mine == own for mine, own in zip(ends, self.limits[name], strict=True))
            for name, ends in self.learnt.items()
        )

    def clipped(self, rule: RangeRule) -> Ranges:
        """The same measurements with the limits that ``rule`` draws from them; no sample is run again."""
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
        """Number of samples and limits as plain values."""
        return {"samples": self.samples, "limits": {name: list(limits) for name, limits in self.limits.items()}}


def _settled(learnt: tuple[float, float], measured: tuple[float, float]) -> tuple[float, float]:
    low = learnt[0] if learnt[0] >= _FARTHEST_LEARNT * min(measured[0], 0) else measured[0]
    high = learnt[1] if learnt[1] <= _FARTHEST_LEARNT * max(measured[1], 0) else measured[1]
    return (low, high) if low < high else measured
