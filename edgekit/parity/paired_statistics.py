"""Statistics of two models that answered the same examples: is a difference real, and how large may it be?

The mathematics is scipy's; this module says which test belongs to which question. Everything is computed from counts
or from one number a example, so that a stream of any length can be judged: add up ``PairedCounts`` a batch at a time.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from edgekit_runtime.errors import DataError

#: Values that a batch of bootstrap resamples may hold: 32 MB of float64.
_BOOTSTRAP_VALUES = 4_000_000


@dataclass(frozen=True, slots=True)
class Interval:
    """A confidence interval.

    Attributes:
        low: Its lower end.
        high: Its upper end.
        confidence: Share of such intervals that hold the true value, a fraction.
    """

    low: float
    high: float
    confidence: float = 0.95

    def to_dict(self) -> dict[str, float]:
        """The ends and the confidence."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class PairedCounts:
    """How often two classifiers were right on the same examples: the 2 × 2 table of McNemar's test.

    Attributes:
        both_right: Samples that both label right.
        only_reference: Samples that the reference alone labels right: the candidate's losses.
        only_candidate: Samples that the candidate alone labels right: its gains.
        both_wrong: Samples that both label wrong.
    """

    both_right: int = 0
    only_reference: int = 0
    only_candidate: int = 0
    both_wrong: int = 0

    @classmethod
    def of(cls, reference_right: np.ndarray, candidate_right: np.ndarray) -> PairedCounts:
        """Count a batch.

        Args:
            reference_right: Whether the reference labels each example right, bool (N,).
            candidate_right: The same of the candidate, bool (N,).
        Raises:
            DataError: The two differ in length.
        """
        if reference_right.shape != candidate_right.shape or reference_right.ndim != 1:
            raise DataError(
                "Paired statistics need an answer of both models to every example.",
                expected=f"{reference_right.shape} answers",
                received=str(candidate_right.shape),
            )
        reference, candidate = reference_right.astype(bool), candidate_right.astype(bool)
        return cls(
            both_right=int(np.count_nonzero(reference & candidate)),
            only_reference=int(np.count_nonzero(reference & ~candidate)),
            only_candidate=int(np.count_nonzero(~reference & candidate)),
            both_wrong=int(np.count_nonzero(~reference & ~candidate)),
        )

    def __add__(self, other: PairedCounts) -> PairedCounts:
        return PairedCounts(
            self.both_right + other.both_right,
            self.only_reference + other.only_reference,
            self.only_candidate + other.only_candidate,
            self.both_wrong + other.both_wrong,
        )

    @property
    def examples(self) -> int:
        """How many examples were compared."""
        return self.both_right + self.only_reference + self.only_candidate + self.both_wrong

    @property
    def reference_accuracy(self) -> float:
        """Share of the examples that the reference labels right."""
        return (self.both_right + self.only_reference) / self.examples

    @property
    def candidate_accuracy(self) -> float:
        """Share of the examples that the candidate labels right."""
        return (self.both_right + self.only_candidate) / self.examples

    @property
    def accuracy_drop(self) -> float:
        """``reference_accuracy - candidate_accuracy``; negative for a gain."""
        return (self.only_reference - self.only_candidate) / self.examples

    def to_dict(self) -> dict[str, int]:
        """The four counts."""
        return asdict(self)


def mcnemar_exact(
    only_reference: ArrayLike, only_candidate: ArrayLike, alternative: Literal["two-sided", "worse"] = "two-sided"
) -> Any:
    """The p-value of the exact McNemar test: could the answers that changed be chance?

    If both models are equally good, each example that only one of them gets right falls to either side like a coin:
    ``only_reference`` is binomial(only_reference + only_candidate, 1/2).

    Args:
        only_reference: Samples that the reference alone labels right; a number or an array of any shape.
        only_candidate: Samples that the candidate alone labels right; the same shape.
        alternative: ``two-sided`` for a difference in either direction, ``worse`` for a candidate that loses.
    Returns:
        The p-value, float; an array of them where arrays were given. 1 where no answer changed.
    Source: McNemar, Psychometrika 12 (1947) 153; exact form as in ``statsmodels.stats.contingency_tables.mcnemar``.
    """
    from scipy.stats import binom

    losses, gains = np.asarray(only_reference), np.asarray(only_candidate)
    changed = losses + gains
    if alternative == "worse":
        p_values = binom.sf(losses - 1, changed, 0.5)
    else:
        p_values = np.minimum(1.0, 2 * binom.cdf(np.minimum(losses, gains), changed, 0.5))
    return float(p_values) if np.ndim(p_values) == 0 else p_values


def drop_interval(counts: PairedCounts, confidence: float = 0.95) -> Interval:
    """The interval of the drop ``reference_accuracy - candidate_accuracy``, the examples being the same for both.

    Newcombe's hybrid score interval: the Wilson intervals of the two accuracies, squared and added, with the
    correlation of the paired answers. It never leaves -1…1, and has a width where no answer changed.

    Source: Newcombe, Statistics in Medicine 17 (1998) 2635, method 10.
    Raises:
        DataError: There are no examples.
    """
    if not counts.examples:
        raise DataError("There are no examples to compare on.")
    first = share_interval(counts.both_right + counts.only_reference, counts.examples, confidence)
    second = share_interval(counts.both_right + counts.only_candidate, counts.examples, confidence)
    p1, p2, phi = counts.reference_accuracy, counts.candidate_accuracy, _correlation(counts)
    below = _square_and_add(p1 - first.low, second.high - p2, phi)
    above = _square_and_add(first.high - p1, p2 - second.low, phi)
    return Interval(counts.accuracy_drop - below, counts.accuracy_drop + above, confidence)


def share_interval(right: int, examples: int, confidence: float = 0.95) -> Interval:
    """The Wilson interval of a share, such as the accuracy of a classifier.

    Args:
        right: How many examples count.
        examples: How many there are, at least 1.
        confidence: Share of such intervals that hold the true value.
    """
    from scipy.stats import binomtest

    found = binomtest(right, examples).proportion_ci(confidence, method="wilson")
    return Interval(float(found.low), float(found.high), confidence)


def _square_and_add(first: float, second: float, phi: float) -> float:
    return math.sqrt(max(0.0, first**2 - 2 * phi * first * second + second**2))


def _correlation(counts: PairedCounts) -> float:
    """Newcombe's φ of the table: corrected for continuity where the answers go together, 0 if a margin is empty."""
    a, b, c, d = counts.both_right, counts.only_reference, counts.only_candidate, counts.both_wrong
    margins = (a + b) * (c + d) * (a + c) * (b + d)
    if not margins:
        return 0.0
    together = float(a * d - b * c)
    if together > 0:
        together = max(0.0, together - counts.examples / 2)
    return together / math.sqrt(margins)


def mae_increase(reference_errors: np.ndarray, candidate_errors: np.ndarray, axis: int = -1) -> Any:
    """By how much the candidate's mean absolute error is larger; errors are prediction - target."""
    return np.abs(candidate_errors).mean(axis) - np.abs(reference_errors).mean(axis)


def rmse_increase(reference_errors: np.ndarray, candidate_errors: np.ndarray, axis: int = -1) -> Any:
    """By how much the candidate's root mean squared error is larger; errors are prediction - target."""
    return np.sqrt(np.square(candidate_errors).mean(axis)) - np.sqrt(np.square(reference_errors).mean(axis))


def r2_drop(reference_errors: np.ndarray, candidate_errors: np.ndarray, targets: np.ndarray, axis: int = -1) -> Any:
    """By how much the candidate's R² = 1 - Σ error² / Σ (target - mean)² is smaller; 0 if all targets are equal."""
    total = np.square(targets - targets.mean(axis, keepdims=True)).sum(axis)
    squares = np.square(candidate_errors).sum(axis) - np.square(reference_errors).sum(axis)
    return np.divide(squares, total, out=np.zeros_like(squares), where=total > 0)


def paired_bootstrap(
    statistic: Callable[..., Any],
    *examples: np.ndarray,
    confidence: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> Interval:
    """The percentile bootstrap interval of a statistic of paired values: whole examples are drawn, never halves.

    Args:
        statistic: Called with the arrays and ``axis``; for instance ``mae_increase``.
        examples: Arrays (N,), one value a example each, for instance the errors of both models.
        confidence: Of the interval, a fraction.
        resamples: How many times N examples are drawn.
        seed: Of the drawing; the same seed gives the same interval.
    Raises:
        DataError: There are fewer than two examples, or the arrays differ in length.
    Source: Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapter 13; ``scipy.stats.bootstrap``.
    """
    from scipy.stats import bootstrap

    arrays = tuple(np.asarray(array, np.float64) for array in examples)
    if len({array.shape for array in arrays}) != 1 or arrays[0].ndim != 1 or len(arrays[0]) < 2:
        raise DataError(
            "The paired bootstrap needs one value of every kind for each of two examples or more.",
            received=", ".join(str(array.shape) for array in arrays),
        )
    drawn = bootstrap(
        arrays,
        statistic,
        paired=True,
        vectorized=True,
        method="percentile",
        n_resamples=resamples,
        batch=max(1, _BOOTSTRAP_VALUES // arrays[0].size),
        confidence_level=confidence,
        rng=np.random.default_rng(seed),
    )
    return Interval(float(drawn.confidence_interval.low), float(drawn.confidence_interval.high), confidence)


def score_drop_interval(
    score: Callable[[np.ndarray], Any],
    reference: np.ndarray,
    candidate: np.ndarray,
    *,
    confidence: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> Interval:
    """The interval of the drop of a score that is computed from sums over examples: whole examples are drawn.

    The pixels of an image or the steps of a sequence depend on each other; drawing examples keeps them together.

    Args:
        score: Sums, shape (B, K), to scores, shape (B,).
        reference: What each example adds to the sums by the reference's predictions, shape (N, K).
        candidate: The same by the candidate's.
        confidence: Of the interval, a fraction.
        resamples: How many times N examples are drawn.
        seed: Of the drawing; the same seed gives the same interval.
    Raises:
        DataError: There are fewer than two examples.
    Source: the cluster bootstrap, Davison and Hinkley, Bootstrap Methods and Their Application (1997), section 3.8; its
        percentiles are expanded for small N as in Hesterberg, The American Statistician 69 (2015) 371.
    """
    count = len(reference)
    _require_two(count)
    rng = np.random.default_rng(seed)
    batch = max(1, _BOOTSTRAP_VALUES // count)
    drops = []
    for start in range(0, resamples, batch):
        weights = rng.multinomial(count, np.full(count, 1 / count), min(batch, resamples - start)).astype(np.float64)
        drops.append(np.asarray(score(weights @ reference)) - np.asarray(score(weights @ candidate)))
    return _expanded_percentiles(np.concatenate(drops), count, confidence)


def bootstrap_by_example(
    statistic: Callable[[np.ndarray], float],
    count: int,
    *,
    confidence: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> Interval | None:
    """The interval of a statistic that has to be computed anew for each resample.

    Args:
        statistic: Called with the rows drawn, int64 (count,).
        count: Number of examples.
        confidence: Of the interval, a fraction.
        resamples: How many times ``count`` examples are drawn.
        seed: Of the drawing.
    Returns:
        None if there are fewer than two examples, or if most resamples have no value: a class may be missing in them.
    Source: see :func:`score_drop_interval`.
    """
    if count < 2:
        return None
    rng = np.random.default_rng(seed)
    values = []
    for _ in range(resamples):
        with contextlib.suppress(DataError):
            values.append(statistic(rng.integers(0, count, count)))
    if len(values) < resamples // 2:
        return None
    return _expanded_percentiles(np.array(values), count, confidence)


def sign_flip_test(
    differences: np.ndarray,
    alternative: Literal["two-sided", "worse"] = "two-sided",
    *,
    flips: int = 10_000,
    seed: int = 0,
) -> float:
    """The p-value of a paired permutation test: could the two models have been swapped, example by example?

    If neither is better, each example's difference has either sign with equal probability, however its pixels or steps
    depend on each other. For differences of -1, 0 and 1 this is McNemar's test, which is then computed exactly.

    Args:
        differences: The reference's score less the candidate's, one per example, shape (N,).
        alternative: ``two-sided`` for a difference in either direction, ``worse`` for a candidate that loses.
        flips: How many random assignments of signs are drawn; the smallest p-value is ``1 / (flips + 1)``.
        seed: Of the drawing.
    Returns:
        The p-value; 1 if no example differs.
    Source: Good, Permutation, Parametric and Bootstrap Tests of Hypotheses (2005), section 3.6.
    """
    differences = np.asarray(differences, np.float64)
    if np.isin(differences, (-1.0, 0.0, 1.0)).all():
        losses, gains = np.count_nonzero(differences > 0), np.count_nonzero(differences < 0)
        return float(mcnemar_exact(losses, gains, alternative))
    differences = differences[differences != 0]
    observed = differences.sum() if alternative == "worse" else abs(differences.sum())
    rng = np.random.default_rng(seed)
    batch = max(1, _BOOTSTRAP_VALUES // len(differences))
    # Sums in another order differ by rounding: an equal sum counts as extreme.
    limit = observed - 1e-9 * np.abs(differences).sum()
    extreme = 0
    for start in range(0, flips, batch):
        signs = rng.integers(0, 2, (min(batch, flips - start), len(differences)), np.int8) * 2 - 1
        sums = signs.astype(np.float64) @ differences
        extreme += int(np.count_nonzero((sums if alternative == "worse" else np.abs(sums)) >= limit))
    return (extreme + 1) / (flips + 1)


def _require_two(count: int) -> None:
    if count < 2:
        raise DataError("The bootstrap needs two examples or more.", received=str(count))


def _expanded_percentiles(values: np.ndarray, count: int, confidence: float) -> Interval:
    from scipy.stats import norm, t

    share = float(norm.cdf(math.sqrt(count / (count - 1)) * t.ppf((1 - confidence) / 2, count - 1)))
    low, high = np.quantile(values, [share, 1 - share])
    return Interval(float(low), float(high), confidence)
