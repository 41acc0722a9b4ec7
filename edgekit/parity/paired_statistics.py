"""Statistics of two models on the same examples: is a difference significant, and how large may it be?

The mathematics is scipy's; this module selects the test for each question. Everything is computed from counts or from
one number per example, so a stream of any length can be judged: add up ``PairedCounts`` batch by batch.
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

#: Maximum number of values in a batch of bootstrap resamples: 32 MB of float64.
_BOOTSTRAP_VALUES = 4_000_000


@dataclass(frozen=True, slots=True)
class Interval:
    """A confidence interval.

    Attributes:
        low: Lower end.
        high: Upper end.
        confidence: Share of such intervals that contain the true value, a fraction.
    """

    low: float
    high: float
    confidence: float = 0.95

    def to_dict(self) -> dict[str, float]:
        """Plain values of the fields."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class PairedCounts:
    """How often two classifiers were correct on the same examples: the 2 × 2 table of McNemar's test.

    Attributes:
        both_right: Examples that both predict correctly.
        only_reference: Examples that only the reference predicts correctly: the candidate's losses.
        only_candidate: Examples that only the candidate predicts correctly: its gains.
        both_wrong: Examples that neither predicts correctly.
    """

    both_right: int = 0
    only_reference: int = 0
    only_candidate: int = 0
    both_wrong: int = 0

    @classmethod
    def of(cls, reference_right: np.ndarray, candidate_right: np.ndarray) -> PairedCounts:
        """Count a batch.

        Args:
            reference_right: Whether the reference predicts each example correctly, bool (N,).
            candidate_right: The same for the candidate, bool (N,).
        Raises:
            DataError: The lengths differ.
        """
        if reference_right.shape != candidate_right.shape or reference_right.ndim != 1:
            raise DataError(
                "Paired statistics need a prediction of both models for every example.",
                expected=f"shape {reference_right.shape}",
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
        """Number of examples."""
        return self.both_right + self.only_reference + self.only_candidate + self.both_wrong

    @property
    def reference_accuracy(self) -> float:
        """Accuracy of the reference, a fraction."""
        return (self.both_right + self.only_reference) / self.examples

    @property
    def candidate_accuracy(self) -> float:
        """Accuracy of the candidate, a fraction."""
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
    """The p-value of the exact McNemar test: could the changed predictions be due to chance?

    If both models are equally good, each example that only one of them predicts correctly is equally likely to be the
    reference's or the candidate's: ``only_reference`` is binomial(only_reference + only_candidate, 1/2).

    Args:
        only_reference: Examples that only the reference predicts correctly; a number or an array of any shape.
        only_candidate: Examples that only the candidate predicts correctly; same shape.
        alternative: ``two-sided`` for a difference in either direction, ``worse`` for a worse candidate.
    Returns:
        The p-value, float, or an array of them for arrays; 1 if no prediction changed.
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
    """The interval of the drop ``reference_accuracy - candidate_accuracy`` on the same examples.

    Newcombe's hybrid score interval: the Wilson intervals of the two accuracies, squared and added, with the
    correlation of the paired predictions. It stays within -1…1, and has a width even if no prediction changed.

    Source: Newcombe, Statistics in Medicine 17 (1998) 2635, method 10.
    Raises:
        DataError: There are no examples.
    """
    if not counts.examples:
        raise DataError("There are no examples to compare.")
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
    """Newcombe's φ of the table: with continuity correction if it is positive, 0 if a margin is empty."""
    a, b, c, d = counts.both_right, counts.only_reference, counts.only_candidate, counts.both_wrong
    margins = (a + b) * (c + d) * (a + c) * (b + d)
    if not margins:
        return 0.0
    together = float(a * d - b * c)
    if together > 0:
        together = max(0.0, together - counts.examples / 2)
    return together / math.sqrt(margins)


def mae_increase(reference_errors: np.ndarray, candidate_errors: np.ndarray, axis: int = -1) -> Any:
    """By how much the candidate's mean absolute error is larger; errors are prediction - true value."""
    return np.abs(candidate_errors).mean(axis) - np.abs(reference_errors).mean(axis)


def rmse_increase(reference_errors: np.ndarray, candidate_errors: np.ndarray, axis: int = -1) -> Any:
    """By how much the candidate's root mean squared error is larger; errors are prediction - true value."""
    return np.sqrt(np.square(candidate_errors).mean(axis)) - np.sqrt(np.square(reference_errors).mean(axis))


def r2_drop(
    reference_errors: np.ndarray, candidate_errors: np.ndarray, ground_truth: np.ndarray, axis: int = -1
) -> Any:
    """By how much the candidate's R² = 1 - Σ error² / Σ (y - mean)² is smaller; 0 if all true values are equal."""
    total = np.square(ground_truth - ground_truth.mean(axis, keepdims=True)).sum(axis)
    squares = np.square(candidate_errors).sum(axis) - np.square(reference_errors).sum(axis)
    return np.divide(squares, total, out=np.zeros_like(squares), where=total > 0)


def paired_bootstrap(
    statistic: Callable[..., Any],
    *examples: np.ndarray,
    confidence: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> Interval:
    """The percentile bootstrap interval of a statistic of paired values; examples are drawn as pairs.

    Args:
        statistic: Called with the arrays and ``axis``, for example ``mae_increase``.
        examples: Arrays (N,) with one value per example, for example the errors of each model.
        confidence: Confidence of the interval, a fraction.
        resamples: Number of resamples of N examples.
        seed: Random seed; the same seed gives the same interval.
    Raises:
        DataError: There are fewer than two examples, or the arrays differ in length.
    Source: Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapter 13; ``scipy.stats.bootstrap``.
    """
    from scipy.stats import bootstrap

    arrays = tuple(np.asarray(array, np.float64) for array in examples)
    if len({array.shape for array in arrays}) != 1 or arrays[0].ndim != 1 or len(arrays[0]) < 2:
        raise DataError(
            "The paired bootstrap needs arrays of equal length with at least two examples.",
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
    """The bootstrap interval of the drop of a score that is computed from sums over examples.

    Whole examples are drawn, because the pixels of an image or the steps of a sequence depend on each other.

    Args:
        score: Maps sums, shape (B, K), to scores, shape (B,).
        reference: Contribution of each example to the sums for the reference, shape (N, K).
        candidate: The same for the candidate.
        confidence: Confidence of the interval, a fraction.
        resamples: Number of resamples of N examples.
        seed: Random seed; the same seed gives the same interval.
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
    return expanded_percentiles(np.concatenate(drops), count, confidence)


def bootstrap_by_example(
    statistic: Callable[[np.ndarray], float],
    count: int,
    *,
    confidence: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> Interval | None:
    """The bootstrap interval of a statistic that must be recomputed for each resample.

    Args:
        statistic: Called with the drawn rows, int64 (count,).
        count: Number of examples.
        confidence: Confidence of the interval, a fraction.
        resamples: Number of resamples of ``count`` examples.
        seed: Random seed.
    Returns:
        None if there are fewer than two examples, or if the statistic is undefined for most resamples, for example
        because a class is missing.
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
    return expanded_percentiles(np.array(values), count, confidence)


def sign_flip_test(
    differences: np.ndarray,
    alternative: Literal["two-sided", "worse"] = "two-sided",
    *,
    flips: int = 10_000,
    seed: int = 0,
) -> float:
    """The p-value of a paired permutation test: are the two models interchangeable on each example?

    If neither is better, the difference of each example has either sign with equal probability, even if its pixels or
    steps depend on each other. For differences of -1, 0 and 1 this is McNemar's test, which is then computed exactly.

    Args:
        differences: Score of the reference minus score of the candidate for each example, shape (N,).
        alternative: ``two-sided`` for a difference in either direction, ``worse`` for a worse candidate.
        flips: Number of random sign assignments; the smallest p-value is ``1 / (flips + 1)``.
        seed: Random seed.
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
    # Summation order changes the rounding, so an equal sum must count as extreme.
    limit = observed - 1e-9 * np.abs(differences).sum()
    extreme = 0
    for start in range(0, flips, batch):
        signs = rng.integers(0, 2, (min(batch, flips - start), len(differences)), np.int8) * 2 - 1
        sums = signs.astype(np.float64) @ differences
        extreme += int(np.count_nonzero((sums if alternative == "worse" else np.abs(sums)) >= limit))
    return (extreme + 1) / (flips + 1)


def _require_two(count: int) -> None:
    if count < 2:
        raise DataError("The bootstrap needs at least two examples.", received=str(count))


def expanded_percentiles(values: np.ndarray, count: int, confidence: float) -> Interval:
    """The interval of resampled values, widened for few examples; see :func:`score_drop_interval`.

    Args:
        values: The statistic of each resample.
        count: Number of examples, at least two.
        confidence: Confidence of the interval, a fraction.
    """
    from scipy.stats import norm, t

    share = float(norm.cdf(math.sqrt(count / (count - 1)) * t.ppf((1 - confidence) / 2, count - 1)))
    low, high = np.quantile(values, [share, 1 - share])
    return Interval(float(low), float(high), confidence)
