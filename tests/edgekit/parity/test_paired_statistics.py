"""Paired statistics against statsmodels, scipy, published tables and simulated truths."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar

from edgekit.parity.paired_statistics import (
    PairedCounts,
    drop_interval,
    mae_increase,
    mcnemar_exact,
    paired_bootstrap,
    r2_drop,
    rmse_increase,
)
from edgekit_runtime.errors import DataError

TABLES = [(0, 0), (1, 0), (0, 1), (1, 7), (7, 1), (5, 5), (12, 2), (25, 4), (121, 59), (59, 121), (400, 340)]


@pytest.mark.parametrize(("losses", "gains"), TABLES)
def test_the_exact_mcnemar_test_is_that_of_statsmodels(losses: int, gains: int) -> None:
    expected = mcnemar([[300, losses], [gains, 40]], exact=True).pvalue
    # statsmodels gives NaN or more than 1 where nothing changed or the sides are level; a p-value ends at 1.
    expected = 1.0 if math.isnan(expected) else min(1.0, expected)
    assert mcnemar_exact(losses, gains) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(("losses", "gains"), [pair for pair in TABLES if sum(pair)])
def test_the_one_sided_test_is_the_binomial_test_of_scipy(losses: int, gains: int) -> None:
    expected = stats.binomtest(losses, losses + gains, 0.5, alternative="greater").pvalue
    assert mcnemar_exact(losses, gains, "worse") == pytest.approx(expected, rel=1e-9)


def test_by_hand() -> None:
    # 1 + 8 of the 256 ways of eight coins show at most one head.
    assert mcnemar_exact(7, 1, "worse") == pytest.approx(9 / 256)
    assert mcnemar_exact(7, 1) == mcnemar_exact(1, 7) == pytest.approx(18 / 256)


def test_arrays_are_tested_element_by_element() -> None:
    losses, gains = np.array(TABLES).T
    both = mcnemar_exact(losses, gains)
    assert both.shape == losses.shape
    assert [mcnemar_exact(*pair) for pair in TABLES] == pytest.approx(both.tolist())


@pytest.mark.parametrize(
    ("table", "low", "high"),
    [
        # Fagerland, Lydersen and Laake, Statistics in Medicine 33 (2014) 2850: airway hyper-responsiveness.
        pytest.param((1, 1, 7, 12), -0.507, -0.026, id="bentur"),
        # Newcombe, Statistics in Medicine 17 (1998) 2635, table II, method 10.
        pytest.param((36, 12, 2, 0), 0.0569, 0.3404, id="newcombe"),
    ],
)
def test_the_interval_of_the_drop_is_the_published_one(
    table: tuple[int, int, int, int], low: float, high: float
) -> None:
    interval = drop_interval(PairedCounts(*table))
    digits = len(str(low).partition(".")[2])
    assert (round(interval.low, digits), round(interval.high, digits)) == (low, high)


def test_with_independent_answers_it_is_the_interval_of_two_independent_samples() -> None:
    from statsmodels.stats.proportion import confint_proportions_2indep

    # φ of this table is 0: 80 · 5 = 20 · 20.
    counts = PairedCounts(80, 20, 20, 5)
    expected = confint_proportions_2indep(100, 125, 100, 125, compare="diff", method="newcomb")
    interval = drop_interval(counts)
    assert (interval.low, interval.high) == pytest.approx(expected)


@pytest.mark.parametrize("samples", [100, 2000])
def test_the_interval_holds_the_true_drop_95_times_in_100(samples: int) -> None:
    rng = np.random.default_rng(0)
    probabilities = (0.94, 0.03, 0.01, 0.02)
    tables = rng.multinomial(samples, probabilities, size=2000)
    unique, counts = np.unique(tables, axis=0, return_counts=True)
    covered = 0
    for table, count in zip(unique, counts, strict=True):
        interval = drop_interval(PairedCounts(*map(int, table)))
        covered += count * (interval.low <= 0.02 <= interval.high)
    assert 0.935 <= covered / 2000 <= 0.99


def test_equal_answers_have_a_width_all_the_same() -> None:
    interval = drop_interval(PairedCounts(both_right=100))
    assert interval.low < 0 < interval.high
    assert interval.high < 0.05
    assert -1 <= drop_interval(PairedCounts(only_candidate=3)).low < drop_interval(PairedCounts(only_reference=3)).high


def test_batches_add_up() -> None:
    rng = np.random.default_rng(1)
    reference, candidate = rng.random(1000) < 0.9, rng.random(1000) < 0.8
    whole = PairedCounts.of(reference, candidate)
    parts = (PairedCounts.of(reference[i : i + 64], candidate[i : i + 64]) for i in range(0, 1000, 64))
    assert sum(parts, PairedCounts()) == whole
    assert whole.samples == 1000
    assert whole.reference_accuracy == reference.mean()
    assert whole.candidate_accuracy == candidate.mean()
    assert whole.accuracy_drop == pytest.approx(reference.mean() - candidate.mean())


def test_what_cannot_be_paired_is_refused() -> None:
    with pytest.raises(DataError, match="an answer of both models to every sample"):
        PairedCounts.of(np.ones(3, bool), np.ones(4, bool))
    with pytest.raises(DataError, match="no samples"):
        drop_interval(PairedCounts())
    with pytest.raises(DataError, match="two samples or more"):
        paired_bootstrap(mae_increase, np.zeros(5), np.zeros(6))


def test_the_statistics_of_regressions_by_hand() -> None:
    reference, candidate, targets = np.array([1.0, -1.0]), np.array([2.0, -4.0]), np.array([10.0, 20.0])
    assert mae_increase(reference, candidate) == 2.0
    assert rmse_increase(reference, candidate) == pytest.approx(math.sqrt(10) - 1)
    # Σ (target - mean)² is 50: R² falls from 1 - 2/50 to 1 - 20/50.
    assert r2_drop(reference, candidate, targets) == pytest.approx(18 / 50)


def test_the_bootstrap_agrees_with_the_t_interval_of_the_differences() -> None:
    rng = np.random.default_rng(2)
    reference = rng.normal(0, 1, 4000)
    candidate = reference + rng.normal(0, 0.3, 4000)
    differences = np.abs(candidate) - np.abs(reference)
    expected = stats.ttest_1samp(differences, 0).confidence_interval(0.95)
    interval = paired_bootstrap(mae_increase, reference, candidate)
    assert (interval.low, interval.high) == pytest.approx((expected.low, expected.high), abs=0.001)
    # Pairing is what makes it narrow: unpaired, the interval would be more than three times as wide.
    unpaired = stats.ttest_ind(np.abs(candidate), np.abs(reference)).confidence_interval(0.95)
    assert unpaired.high - unpaired.low > 3 * (interval.high - interval.low)


def test_the_same_seed_gives_the_same_interval_however_it_is_batched(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    errors = rng.normal(size=(2, 50))
    once = paired_bootstrap(rmse_increase, *errors, resamples=500)
    assert paired_bootstrap(rmse_increase, *errors, resamples=500) == once
    assert paired_bootstrap(rmse_increase, *errors, resamples=500, seed=1) != once
    monkeypatch.setattr("edgekit.parity.paired_statistics._BOOTSTRAP_VALUES", 1000)
    assert paired_bootstrap(rmse_increase, *errors, resamples=500).low == pytest.approx(once.low)
