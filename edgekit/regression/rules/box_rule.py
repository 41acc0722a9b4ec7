"""Average precision of a detector: is the candidate really worse, or may the difference be due to chance?"""

from __future__ import annotations

import numpy as np

from edgekit.counting import counted, points, points_between
from edgekit.parity.average_precision import box_drops
from edgekit.parity.paired_statistics import Interval, expanded_percentiles
from edgekit.regression.box_predictions import METRIC, BoxPredictions
from edgekit.regression.rules.accuracy_rule import power_sentence, smallest_detectable
from edgekit.regression.rules.thresholds import MAX_DROP, SIGNIFICANCE, STRICT, Limits
from edgekit.regression.verdicts import RuleResult, Verdict

_CONFIDENCE = 0.95


def judge_boxes(baseline: BoxPredictions, candidate: BoxPredictions, limits: Limits, seed: int) -> RuleResult:
    """Fail if the drop of average precision is both larger than allowed and significant.

    Images are resampled, because boxes of one image depend on each other; a drop is significant if the one-sided lower
    bound of the bootstrap is above 0.

    Args:
        baseline: What the baseline found.
        candidate: What the candidate found in the same images.
        limits: ``max_drop``, ``significance`` and ``strict``.
        seed: Seed of the bootstrap.
    """
    before, after = baseline.score, candidate.score
    count = len(candidate.matches.positives)
    drops = box_drops(METRIC, baseline.matches, candidate.matches, seed=seed)
    interval = _interval(drops, count, _CONFIDENCE)
    bound = _interval(drops, count, max(0.0, 1 - 2 * limits[SIGNIFICANCE]))
    real = bound is not None and bound.low > 0
    why = f"bootstrap over {counted(count, 'image')}"
    if before - after <= limits[MAX_DROP] + 1e-9:
        verdict = Verdict.PASSED
    elif real or limits[STRICT]:
        verdict = Verdict.FAILED
        why += "" if real else f", not significant at {limits[SIGNIFICANCE]:g}, but strict is set"
    else:
        verdict, why = Verdict.WARNING, f"{why}: the drop may be chance"
    detectable = None
    if interval is not None:
        spread = float(np.std(drops))
        detectable = smallest_detectable(lambda _: spread, limits)
        why += f"; {power_sentence(detectable)}"
    shown = "" if interval is None else f" (95 %: {points_between(-interval.high, -interval.low)})"
    return RuleResult(
        "accuracy",
        verdict,
        f"drop of {METRIC} of at most {100 * limits[MAX_DROP]:g} points" + (", strict" if limits[STRICT] else ""),
        f"{100 * before:.2f} → {100 * after:.2f} %, {points(after - before)}{shown}",
        why,
        detectable,
    )


def _interval(drops: np.ndarray, count: int, confidence: float) -> Interval | None:
    """None if there are too few images, or if too few resamples have a true box."""
    return expanded_percentiles(drops, count, confidence) if len(drops) else None
