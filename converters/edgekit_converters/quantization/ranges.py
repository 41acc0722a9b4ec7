"""What calibration measured: the range of every activation, kept so that many recipes can use it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

import numpy as np

#: Share of the samples that ``RangeRule.PERCENTILE`` covers in full.
COVERED_SHARE = 0.99


class RangeRule(str, Enum):
    """Which part of what was measured an integer stands for; what lies outside is clipped.

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
        limits: Smallest and largest real value that a code stands for, by tensor name; over all samples unless
            ``clipped`` made them narrower.
        sample_lows: Smallest value in single samples, float64 (R, T); R samples spread evenly over all that were run,
            T tensors in the order of ``limits``. NaN where a sample did not reach the tensor.
        sample_highs: Largest value, likewise.
    """

    samples: int
    limits: Mapping[str, tuple[float, float]]
    sample_lows: np.ndarray = field(repr=False, compare=False)
    sample_highs: np.ndarray = field(repr=False, compare=False)

    def clipped(self, rule: RangeRule) -> Ranges:
        """The same measurements with the limits that ``rule`` draws from them; no sample is run again."""
        if rule is RangeRule.MINMAX:
            lows, highs = np.nanmin(self.sample_lows, axis=0), np.nanmax(self.sample_highs, axis=0)
        elif rule is RangeRule.PERCENTILE:
            lows = np.nanquantile(self.sample_lows, 1 - COVERED_SHARE, axis=0, method="higher")
            highs = np.nanquantile(self.sample_highs, COVERED_SHARE, axis=0, method="lower")
        else:
            lows, highs = np.nanmean(self.sample_lows, axis=0), np.nanmean(self.sample_highs, axis=0)
        return replace(
            self, limits=dict(zip(self.limits, zip(lows.tolist(), highs.tolist(), strict=True), strict=True))
        )

    def to_dict(self) -> dict[str, Any]:
        """Number of samples and limits as plain values."""
        return {"samples": self.samples, "limits": {name: list(limits) for name, limits in self.limits.items()}}
