"""The gate's statistics: how often it cries wolf, and how often it misses one."""

from __future__ import annotations

import numpy as np
import pytest

from edgekit.regression.predictions import ClassPredictions, PredictionScores
from edgekit.regression.rules.accuracy_rule import (
    detectable_drop,
    drop_is_real,
    drop_is_too_large,
    judge_accuracy,
    judge_agreement,
    judge_scores,
)
from edgekit.regression.rules.thresholds import MAX_DROP, SIGNIFICANCE, Limits
from edgekit.regression.verdicts import Verdict

DEFAULT = Limits()


def failures(accuracy: float, losses: float, gains: float, samples: int, pairs: int) -> float:
    """Share of simulated pairs that the gate fails.

    Each sample is lost, won or unchanged independently, as it is where a model is trained anew.
    """
    rng = np.random.default_rng(2026)
    kept = accuracy - losses
    tables = rng.multinomial(samples, [kept, losses, gains, 1 - kept - losses - gains], size=pairs)
    lost, won = tables[:, 1], tables[:, 2]
    failed = drop_is_too_large(lost, won, samples, DEFAULT[MAX_DROP]) & drop_is_real(lost, won, DEFAULT[SIGNIFICANCE])
    return float(np.mean(failed))


@pytest.mark.parametrize("samples", [200, 500, 2000, 10_000])
@pytest.mark.parametrize("changed", [0.002, 0.01, 0.03, 0.1], ids=lambda share: f"{share:g} changed")
def test_pairs_without_a_true_difference_pass(samples: int, changed: float) -> None:
    assert failures(0.9, changed / 2, changed / 2, samples, pairs=1000) <= 0.01


@pytest.mark.parametrize(
    ("losses", "gains"), [(0.02, 0.0), (0.0225, 0.0025), (0.025, 0.005), (0.03, 0.01)], ids=lambda share: f"{share:g}"
)
def test_a_true_drop_of_two_points_on_2000_images_fails(losses: float, gains: float) -> None:
    assert failures(0.97, losses, gains, samples=2000, pairs=1000) >= 0.95


def test_the_default_errs_in_one_pair_of_a_hundred_thousand_when_nothing_was_trained_anew() -> None:
    # A quantized form of one model changes a few predictions in a thousand, to either side.
    assert failures(0.98, 0.001, 0.001, samples=10_000, pairs=100_000) <= 1e-5


def predictions(right: list[bool], classes: int = 10) -> ClassPredictions:
    labels = np.arange(len(right)) % classes
    return ClassPredictions(np.where(right, labels, (labels + 1) % classes), classes, labels)


def pair(losses: int, gains: int, samples: int = 1000) -> tuple[ClassPredictions, ClassPredictions]:
    before, after = np.ones(samples, bool), np.ones(samples, bool)
    after[:losses] = False
    before[losses : losses + gains] = False
    return predictions(before.tolist()), predictions(after.tolist())


@pytest.mark.parametrize(
    ("losses", "gains", "limits", "verdict"),
    [
        pytest.param(0, 0, {}, Verdict.PASSED, id="equal"),
        pytest.param(0, 50, {}, Verdict.PASSED, id="better"),
        pytest.param(5, 0, {}, Verdict.PASSED, id="at-the-limit"),
        # p of 6 losses and no gain is 1/64.
        pytest.param(6, 0, {}, Verdict.WARNING, id="larger-but-may-be-chance"),
        pytest.param(6, 0, {"strict": True}, Verdict.FAILED, id="strict"),
        pytest.param(6, 0, {"significance": 0.02}, Verdict.FAILED, id="weaker-proof-asked"),
        pytest.param(7, 0, {}, Verdict.FAILED, id="larger-and-real"),
        pytest.param(7, 0, {"max_drop": 0.01}, Verdict.PASSED, id="more-allowed"),
        pytest.param(60, 50, {}, Verdict.WARNING, id="many-changes-to-both-sides"),
    ],
)
def test_a_drop_fails_where_it_is_too_large_and_real(losses: int, gains: int, limits: dict, verdict: Verdict) -> None:
    result = judge_accuracy(*pair(losses, gains), Limits(limits))
    assert result.verdict is verdict
    assert f"{losses} of 1,000 examples regressed, {gains} improved" in result.why


@pytest.mark.parametrize(
    ("samples", "changed", "limits", "expected"),
    [
        # (2.326 + 1.645) × sqrt(0.13 / 2000)
        pytest.param(2000, 0.13, {}, 0.0320, id="significance decides"),
        # 0.1 + 1.645 × sqrt(0.13 / 2000)
        pytest.param(2000, 0.13, {"max_drop": 0.1}, 0.1133, id="max_drop decides"),
        pytest.param(2000, 0.13, {"strict": True}, 0.0183, id="strict needs no proof"),
        # Nothing changed, but a drop itself does: 0.005 + 1.645 × sqrt(0.0084 / 2000).
        pytest.param(2000, 0.0, {}, 0.0084, id="no change"),
        pytest.param(5, 0.4, {}, 1.0, id="too few samples for any"),
        pytest.param(2000, 0.13, {"significance": 1e-300}, 0.7485, id="a limit without teeth"),
    ],
)
def test_the_detectable_drop_follows_from_the_formula(
    samples: int, changed: float, limits: dict, expected: float
) -> None:
    assert detectable_drop(changed, samples, Limits(limits)) == pytest.approx(expected, abs=0.0001)


@pytest.mark.parametrize("samples", [500, 2000, 10_000])
@pytest.mark.parametrize("changed", [0.0, 0.02, 0.05, 0.13], ids=lambda share: f"{share:g} changed")
def test_simulated_drops_of_the_printed_size_fail_in_95_percent(samples: int, changed: float) -> None:
    drop = detectable_drop(changed, samples, DEFAULT)
    share = max(changed, drop)
    failed = failures(0.9, (share + drop) / 2, (share - drop) / 2, samples, pairs=4000)
    # McNemar's exact test is a little more careful than the normal approximation.
    assert 0.925 <= failed <= 0.999
    # Half as large a drop is not promised.
    assert failures(0.9, (share + drop / 2) / 2, (share - drop / 2) / 2, samples, pairs=4000) < 0.75


def test_the_rule_prints_the_detectable_drop_whatever_its_verdict() -> None:
    for losses in (0, 6, 60):
        result = judge_accuracy(*pair(losses, 0), DEFAULT)
        assert result.detectable_drop == detectable_drop(losses / 1000, 1000, DEFAULT)
        assert f"a true drop of {100 * result.detectable_drop:.2g} points would fail in 95 % of the cases" in result.why
        assert result.to_dict()["detectable_drop"] == result.detectable_drop


def test_the_detectable_drop_of_scores_follows_from_the_spread_of_their_differences() -> None:
    baseline = PredictionScores("pixel_accuracy", np.full(400, 0.75))
    candidate = PredictionScores("pixel_accuracy", np.where(np.arange(400) % 2, 0.625, 0.875))
    # Differences of ±0.125: (2.326 + 1.645) × 0.125 / sqrt(400).
    result = judge_scores(baseline, candidate, DEFAULT, seed=0)
    assert result.detectable_drop == pytest.approx(0.02482, abs=1e-5)
    assert "a true drop of 2.5 points would fail" in result.why


@pytest.mark.parametrize(("changed", "verdict"), [(5, Verdict.PASSED), (6, Verdict.FAILED)], ids=["few", "many"])
def test_without_labels_changed_predictions_are_limited_by_default(changed: int, verdict: Verdict) -> None:
    predictions = np.zeros(100, np.int64)
    baseline = ClassPredictions(predictions, 3, None)
    candidate = ClassPredictions(np.where(np.arange(100) < changed, 1, predictions), 3, None)
    assert judge_agreement(baseline, candidate, DEFAULT).verdict is verdict


def test_agreement_counts_equal_predictions_right_or_wrong() -> None:
    baseline, candidate = pair(10, 10)
    assert judge_agreement(baseline, candidate, DEFAULT).verdict is Verdict.SKIPPED
    assert judge_agreement(baseline, candidate, Limits({"min_agreement": 0.98})).verdict is Verdict.PASSED
    failed = judge_agreement(baseline, candidate, Limits({"min_agreement": 0.985}))
    assert failed.verdict is Verdict.FAILED
    assert failed.measured == "98.00 %"
