"""Paired statistics against statsmodels, scipy, published tables and simulated truths."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from edgekit.parity.paired_statistics import (
    PairedCounts,
    drop_interval,
    mae_increase,
    mcnemar_exact,
    paired_bootstrap,
    r2_drop,
    rmse_increase,
    score_drop_interval,
    sign_flip_test,
)
from edgekit_runtime.errors import DataError

TABLES = [(0, 0), (1, 0), (0, 1), (1, 7), (7, 1), (5, 5), (12, 2), (25, 4), (121, 59), (59, 121), (400, 340)]


@pytest.mark.parametrize(("losses", "gains"), TABLES)
def test_the_exact_mcnemar_test_is_that_of_statsmodels(losses: int, gains: int) -> None:
    tables = pytest.importorskip("statsmodels.stats.contingency_tables", reason="an oracle of the dev extra")
    expected = tables.mcnemar([[300, losses], [gains, 40]], exact=True).pvalue
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
    proportion = pytest.importorskip("statsmodels.stats.proportion", reason="an oracle of the dev extra")

    # φ of this table is 0: 80 · 5 = 20 · 20.
    counts = PairedCounts(80, 20, 20, 5)
    expected = proportion.confint_proportions_2indep(100, 125, 100, 125, compare="diff", method="newcomb")
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
    assert whole.examples == 1000
    assert whole.reference_accuracy == reference.mean()
    assert whole.candidate_accuracy == candidate.mean()
    assert whole.accuracy_drop == pytest.approx(reference.mean() - candidate.mean())


def test_what_cannot_be_paired_is_refused() -> None:
    with pytest.raises(DataError, match="a prediction of both models for every example"):
        PairedCounts.of(np.ones(3, bool), np.ones(4, bool))
    with pytest.raises(DataError, match="There are no examples"):
        drop_interval(PairedCounts())
    with pytest.raises(DataError, match="at least two examples"):
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


def dependent_shares(
    rng: np.random.Generator, examples: int, places: int, drop: float
) -> tuple[np.ndarray, np.ndarray]:
    """Two models' shares of right places per example; a hard example is hard at all of its places, for both models."""
    hardness = rng.normal(1.5, 1.5, (examples, 1))
    own = rng.normal(0, 0.7, (2, examples, 1))
    noise = rng.normal(0, 1, (2, examples, places))
    right = hardness + own + noise > np.array([0.0, drop])[:, np.newaxis, np.newaxis]
    return right[0].mean(1), right[1].mean(1)


def mean_of(sums: np.ndarray) -> np.ndarray:
    return sums[..., 0] / sums[..., 1]


def parts(shares: np.ndarray) -> np.ndarray:
    return np.stack([shares, np.ones(len(shares))], axis=1)


@pytest.mark.parametrize("examples", [30, 200])
def test_the_interval_of_dependent_places_holds_the_truth(examples: int) -> None:
    """95 % intervals of the drop of pixel accuracy, where the places of an example depend on each other."""
    rng = np.random.default_rng(4)
    reference, candidate = dependent_shares(rng, 200_000, 64, 0.1)
    true_drop = float((reference - candidate).mean())
    held = 0
    for _ in range(300):
        pair = dependent_shares(rng, examples, 64, 0.1)
        interval = score_drop_interval(mean_of, *map(parts, pair), resamples=400)
        held += interval.low <= true_drop <= interval.high
    assert 0.93 <= held / 300 <= 0.99


def test_models_of_dependent_places_without_a_difference_are_seldom_told_apart() -> None:
    """200 pairs, at the 1 % level; counting places as independent would reject most of them."""
    rng = np.random.default_rng(5)
    rejected = rejected_by_place = 0
    for _ in range(200):
        reference, candidate = dependent_shares(rng, 120, 64, 0.0)
        rejected += sign_flip_test(reference - candidate, "worse", flips=2000) < 0.01
        losses = round(64 * float(np.maximum(reference - candidate, 0).sum()))
        gains = round(64 * float(np.maximum(candidate - reference, 0).sum()))
        rejected_by_place += mcnemar_exact(losses, gains, "worse") < 0.01
    assert rejected / 200 <= 0.02
    assert rejected_by_place / 200 > 0.2


def test_a_real_difference_of_dependent_places_is_found() -> None:
    reference, candidate = dependent_shares(np.random.default_rng(6), 300, 64, 0.4)
    assert sign_flip_test(reference - candidate, "worse") < 0.001
    assert sign_flip_test(candidate - reference, "worse") > 0.99


def test_flipping_signs_of_single_answers_is_mcnemars_test() -> None:
    differences = np.array([1.0] * 12 + [-1.0] * 3 + [0.0] * 85)
    assert sign_flip_test(differences) == mcnemar_exact(12, 3)
    assert sign_flip_test(differences, "worse") == mcnemar_exact(12, 3, "worse")
    assert sign_flip_test(np.zeros(10)) == 1.0


def test_all_sixteen_flips_of_four_differences() -> None:
    # Only the signs as they are reach the sum 1.0; its mirror image as well where either direction counts.
    differences = np.array([0.1, 0.2, 0.3, 0.4])
    assert sign_flip_test(differences, "worse", flips=40_000) == pytest.approx(1 / 16, abs=0.005)
    assert sign_flip_test(differences, flips=40_000) == pytest.approx(2 / 16, abs=0.007)


def test_intervals_of_identical_models_and_of_the_same_seed() -> None:
    reference, candidate = dependent_shares(np.random.default_rng(7), 50, 16, 0.2)
    same = score_drop_interval(mean_of, parts(reference), parts(reference))
    assert (same.low, same.high) == (0, 0)
    first, second = (score_drop_interval(mean_of, parts(reference), parts(candidate), seed=3) for _ in range(2))
    assert first == second
    with pytest.raises(DataError, match="two examples"):
        score_drop_interval(mean_of, parts(reference[:1]), parts(candidate[:1]))
