"""Figures that are added up batch by batch, against numpy, scikit-learn, scipy and statsmodels on the whole."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.metrics import (
    confusion_matrix,
    mean_absolute_error,
    r2_score,
    recall_score,
    root_mean_squared_error,
    top_k_accuracy_score,
)

from edgekit.parity.reliability import ReliabilityTally
from edgekit.parity.results import OutputParity
from edgekit.parity.tallies.class_tally import MOST_CHANGED
from edgekit.parity.tallies.error_tally import ErrorTally
from edgekit.parity.tallies.output_tally import OutputTally
from edgekit_runtime.errors import DataError
from edgekit_runtime.task import DATA, Kind

RANDOM = np.random.default_rng(5)
COUNT, CLASSES = 3000, 7
Y = RANDOM.integers(0, CLASSES, COUNT)
LOGITS = RANDOM.normal(size=(COUNT, CLASSES)) + 2 * np.eye(CLASSES)[Y]
REFERENCE = softmax(LOGITS, axis=1).astype(np.float32)
CANDIDATE = softmax(LOGITS + RANDOM.normal(0, 0.5, LOGITS.shape), axis=1).astype(np.float32)


def tallied(
    reference: np.ndarray,
    candidate: np.ndarray,
    targets: np.ndarray | None = None,
    groups: np.ndarray | None = None,
    size: int = 256,
    kind: str = "classes",
) -> OutputParity:
    tally = OutputTally("y", Kind(kind, DATA), (), 3, 0)
    for start in range(0, len(reference), size):
        rows = slice(start, start + size)
        names = tuple(str(row) for row in range(*rows.indices(len(reference))))
        tally.add(
            (reference[rows], candidate[rows]),
            None if targets is None else targets[rows],
            names,
            groups=None if groups is None else groups[rows],
        )
    return tally.result()


def test_the_figures_of_classifiers() -> None:
    tables = pytest.importorskip("statsmodels.stats.contingency_tables", reason="an oracle of the dev extra")
    proportion = pytest.importorskip("statsmodels.stats.proportion", reason="an oracle of the dev extra")
    classes = tallied(REFERENCE, CANDIDATE, Y).classification
    assert classes is not None
    figures = classes.labelled
    assert figures is not None
    first, second = REFERENCE.argmax(1), CANDIDATE.argmax(1)
    assert figures.reference_top1 == pytest.approx(np.mean(first == Y))
    assert figures.candidate_top1 == pytest.approx(np.mean(second == Y))
    assert figures.accuracy_drop == pytest.approx(np.mean(first == Y) - np.mean(second == Y))
    assert figures.reference_topk == pytest.approx(top_k_accuracy_score(Y, REFERENCE, k=3))
    assert figures.candidate_topk == pytest.approx(top_k_accuracy_score(Y, CANDIDATE, k=3))
    np.testing.assert_array_equal(figures.reference_confusion, confusion_matrix(Y, first))
    np.testing.assert_array_equal(figures.candidate_confusion, confusion_matrix(Y, second))
    recalls = recall_score(Y, second, average=None)
    assert [recall.candidate for recall in figures.recalls] == pytest.approx(list(recalls))
    assert [recall.samples for recall in figures.recalls] == np.bincount(Y).tolist()
    table = confusion_matrix(first == Y, second == Y)
    assert figures.mcnemar_p == pytest.approx(tables.mcnemar(table, exact=True).pvalue)
    assert figures.drop_interval.low < figures.accuracy_drop < figures.drop_interval.high
    low, high = proportion.proportion_confint(int(np.sum(first == second)), COUNT, method="wilson")
    assert (classes.agreement_interval.low, classes.agreement_interval.high) == pytest.approx((low, high))


def test_the_reliability_diagram() -> None:
    figures = tallied(REFERENCE, CANDIDATE, Y).classification
    assert figures is not None
    assert figures.labelled is not None
    calibration = figures.labelled.reference_calibration
    confidence, right = REFERENCE.max(1).astype(np.float64), REFERENCE.argmax(1) == Y
    # The bins of the diagram hold equally many predictions, those of the error are equally wide.
    assert [entry.samples for entry in calibration.bins] == [COUNT // 10] * 10
    low = -1.0
    for entry in calibration.bins:
        chosen = (confidence > low) & (confidence <= entry.high)
        assert chosen.sum() == entry.samples
        assert entry.mean_confidence == pytest.approx(confidence[chosen].mean())
        assert entry.accuracy == pytest.approx(right[chosen].mean())
        low = entry.high
    expected = 0.0
    for place in range(15):
        chosen = (confidence > place / 15) & (confidence <= (place + 1) / 15)
        if chosen.any():
            expected += chosen.sum() * abs(confidence[chosen].mean() - right[chosen].mean())
    assert calibration.expected_error == pytest.approx(expected / COUNT)


@pytest.mark.parametrize(
    ("confidence", "counts"),
    [
        # One bin of 20 each, but equal confidences stay together, and a rest below 20 joins its neighbour.
        ([0.5] * 30 + [0.75] * 30, [30, 30]),
        ([0.5] * 190 + [0.75] * 10, [200]),
        ([0.5] * 3, [3]),
        (list(np.linspace(0.5, 1, 45)), [22, 23]),
    ],
    ids=["ties", "a small rest", "few", "uneven"],
)
def test_bins_of_the_diagram_are_never_single_predictions(confidence: list[float], counts: list[int]) -> None:
    tally = ReliabilityTally()
    tally.add(np.array(confidence), np.ones(len(confidence), bool))
    bins = tally.result().bins
    assert [entry.samples for entry in bins] == counts
    assert all(entry.accuracy == 1 for entry in bins)


def test_the_calibration_error_by_hand() -> None:
    # Confidences 0.9 (right), 0.9 (wrong), 0.6 (right): |0.5 - 0.9| · 2/3 + |1 - 0.6| · 1/3.
    scores = np.array([[0.9, 0.1], [0.9, 0.1], [0.4, 0.6]])
    classes = tallied(scores, scores, np.array([0, 1, 1])).classification
    assert classes is not None
    assert classes.labelled is not None
    assert classes.labelled.reference_calibration.expected_error == pytest.approx(0.8 / 3 + 0.4 / 3)


def test_logits_are_confident_by_their_softmax() -> None:
    from_logits = tallied(LOGITS, LOGITS, Y).classification
    from_probabilities = tallied(REFERENCE, REFERENCE, Y).classification
    assert from_logits is not None
    assert from_probabilities is not None
    assert from_logits.labelled is not None
    assert from_probabilities.labelled is not None
    assert from_logits.labelled.reference_calibration.expected_error == pytest.approx(
        from_probabilities.labelled.reference_calibration.expected_error, abs=1e-6
    )


def test_losses_come_first_among_the_changed() -> None:
    classes = tallied(REFERENCE, CANDIDATE, Y).classification
    assert classes is not None
    changed = REFERENCE.argmax(1) != CANDIDATE.argmax(1)
    losses = np.flatnonzero(changed & (REFERENCE.argmax(1) == Y))
    assert classes.changed == changed.sum() > MOST_CHANGED
    assert len(classes.changed_samples) == MOST_CHANGED
    surest = losses[np.argsort(-REFERENCE.max(1)[losses])][:MOST_CHANGED]
    assert [int(sample.name) for sample in classes.changed_samples] == surest.tolist()


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e5])
def test_numeric_errors(scale: float) -> None:
    reference = RANDOM.normal(size=(2000, 3, 4)) * scale
    candidate = reference + RANDOM.normal(0, 0.01, reference.shape) * scale
    candidate[5] = reference[5]
    tally = ErrorTally()
    for start in range(0, 2000, 300):
        rows = slice(start, start + 300)
        tally.add(reference[rows], candidate[rows], tuple(map(str, range(*rows.indices(2000)))))
    errors = tally.result()
    difference = np.abs(reference - candidate)
    assert (errors.samples, errors.values) == (2000, 24_000)
    assert errors.max_absolute_difference == difference.max()
    assert errors.mean_absolute_difference == pytest.approx(difference.mean())
    assert errors.root_mean_square_difference == pytest.approx(np.sqrt(np.square(difference).mean()))
    flat = reference.ravel(), candidate.ravel()
    assert errors.cosine_similarity == pytest.approx(np.dot(*flat) / np.linalg.norm(flat[0]) / np.linalg.norm(flat[1]))
    assert errors.snr_db == pytest.approx(10 * np.log10(np.square(reference).sum() / np.square(difference).sum()))
    for share, value in errors.quantiles.items():
        exact = np.quantile(difference, float(share), method="inverted_cdf")
        assert value == pytest.approx(exact, rel=0.01), share
    worst = np.argsort(-difference.reshape(2000, -1).max(1), kind="stable")[:10]
    assert [int(name) for name, _ in errors.worst] == worst.tolist()


def test_equal_outputs_have_no_noise() -> None:
    errors = tallied(REFERENCE, REFERENCE).errors
    assert errors.snr_db is None
    assert errors.max_absolute_difference == 0
    assert errors.quantiles == {"0.5": 0, "0.9": 0, "0.99": 0, "0.999": 0}
    assert errors.cosine_similarity == pytest.approx(1)
    assert errors.worst == ()


@pytest.mark.parametrize("values", [1, 3])
def test_regression(values: int) -> None:
    targets = RANDOM.normal(size=(1500, values)).astype(np.float32)
    reference = targets + RANDOM.normal(0, 0.2, targets.shape)
    candidate = targets + RANDOM.normal(0.1, 0.3, targets.shape)
    figures = tallied(reference, candidate, targets if values > 1 else targets[:, 0], kind="values").regression
    assert figures is not None
    assert figures.r2 is not None
    for figure, metric, sign in (
        (figures.mae, mean_absolute_error, 1),
        (figures.r2, r2_score, -1),
        *([(figures.rmse, root_mean_squared_error, 1)] if values == 1 else []),
    ):
        before, after = metric(targets, reference), metric(targets, candidate)
        assert figure.reference == pytest.approx(before)
        assert figure.candidate == pytest.approx(after)
        assert figure.worsening == pytest.approx(sign * (after - before))
    assert figures.mae.interval is not None
    assert 0 < figures.mae.interval.low < figures.mae.worsening < figures.mae.interval.high
    assert figures.rmse.reference == pytest.approx(np.sqrt(np.square(reference - targets).mean()))


@pytest.mark.parametrize("values", [1, 3])
def test_slices_of_values_have_their_errors_against_the_targets(values: int) -> None:
    targets = RANDOM.normal(size=(500, values)).astype(np.float32)
    groups = np.where(np.arange(500) % 5 == 0, "night", "day")
    reference = targets + RANDOM.normal(0, 0.2, targets.shape)
    candidate = reference + (groups == "night")[:, np.newaxis] * RANDOM.normal(0, 0.5, targets.shape)
    worst, best = tallied(reference, candidate, targets, groups, kind="values").slices
    assert (worst.name, worst.samples, best.name) == ("night", 100, "day")
    for each in (worst, best):
        rows = groups == each.name
        assert each.mae is not None
        assert each.rmse is not None
        for model, mae, rmse in (
            (reference, each.mae.reference, each.rmse.reference),
            (candidate, each.mae.candidate, each.rmse.candidate),
        ):
            assert mae == pytest.approx(mean_absolute_error(targets[rows], model[rows]))
            assert rmse == pytest.approx(np.sqrt(np.square(model - targets)[rows].mean()))
        assert each.accuracy_drop is None
    assert worst.mae is not None
    assert worst.mae.interval is not None
    assert 0 < worst.mae.interval.low < worst.mae.worsening < worst.mae.interval.high


def test_a_figure_of_values_gets_some_of_them_from_the_whole_data() -> None:
    targets = np.arange(20_000, dtype=np.float32)[:, np.newaxis]
    regression = tallied(targets + 1, targets - 2, targets, kind="values").regression
    assert regression is not None
    sample = regression.sample
    assert sample is not None
    assert len(sample.ground_truth) == len(set(sample.ground_truth)) == 600
    np.testing.assert_allclose(sample.reference, sample.ground_truth + 1)
    np.testing.assert_allclose(sample.candidate, sample.ground_truth - 2)
    # Batches of 256 come in order; a sample of the first or last ones would show in any quarter.
    counts, _ = np.histogram(sample.ground_truth, 4, (0, 20_000))
    assert counts.min() > 110
    assert "sample" not in regression.to_dict()


def test_whole_numbers_are_real_targets_of_one_unbounded_output() -> None:
    targets = np.arange(100)
    parity = tallied(targets[:, np.newaxis] + 0.5, targets[:, np.newaxis] - 1.0, targets, kind="values")
    assert parity.classification is None
    assert parity.regression is not None
    assert (parity.regression.mae.reference, parity.regression.mae.candidate) == (0.5, 1.0)


def test_steps_of_sequences_are_counted_by_sequence() -> None:
    y = Y.reshape(300, 10)
    first, second = (scores.reshape(300, 10, CLASSES) for scores in (REFERENCE, CANDIDATE))
    parity = tallied(first, second, y, kind="sequence")
    assert parity.classification is None
    tokens, whole, agreement = parity.metrics
    assert (tokens.name, tokens.against) == ("token_accuracy", "labels")
    assert tokens.drop == pytest.approx((first.argmax(2) == y).mean() - (second.argmax(2) == y).mean())
    assert whole.reference == pytest.approx((first.argmax(2) == y).all(1).mean())
    assert agreement.candidate == pytest.approx((first.argmax(2) == second.argmax(2)).mean())
    assert parity.accuracy_drop == tokens.drop
    assert parity.errors.samples == 300
    assert tokens.interval is not None
    assert tokens.drop is not None
    assert tokens.interval.low < tokens.drop < tokens.interval.high


def test_a_mask_that_is_wrong_in_few_images_is_less_certain_than_one_that_is_wrong_a_little_everywhere() -> None:
    y = np.zeros((100, 8, 8), np.int64)
    scattered, gathered = y.copy(), y.copy()
    scattered[:, 0, :4] = 1
    gathered[:4, :, :] = 1
    gathered[4:13, :4, :4] = 1
    reference = np.eye(2)[y]
    spread, clumped = (
        tallied(reference, np.eye(2)[wrong], y, kind="mask").metrics[1] for wrong in (scattered, gathered)
    )
    assert spread.name == clumped.name == "pixel_accuracy"
    assert spread.drop == pytest.approx(clumped.drop)
    assert spread.interval is not None
    assert clumped.interval is not None
    assert clumped.interval.high - clumped.interval.low > 0.05 > spread.interval.high - spread.interval.low


def test_a_state_is_only_compared() -> None:
    state = RANDOM.normal(size=(200, 12))
    parity = tallied(state, state + 0.1, state.astype(np.float32), kind="state")
    (snr,) = parity.metrics
    assert snr.name == "snr"
    assert snr.candidate == pytest.approx(10 * np.log10(np.square(state).sum() / (0.01 * state.size)))
    assert parity.accuracy_drop is None
    assert parity.agreement is None


def test_two_values_are_not_classes() -> None:
    targets = RANDOM.normal(size=(300, 2)).astype(np.float32)
    parity = tallied(targets + 0.1, targets * 5, targets, kind="values")
    assert parity.classification is None
    assert parity.agreement is None
    assert parity.accuracy_drop is not None
    assert parity.accuracy_drop > 10


def test_slices_are_compared_by_themselves() -> None:
    groups = np.where(np.arange(COUNT) % 3 == 0, "night", "day")
    candidate = np.where((groups == "night")[:, np.newaxis], np.roll(REFERENCE, 1, axis=1), REFERENCE)
    worst, best = tallied(REFERENCE, candidate, Y, groups).slices
    night = groups == "night"
    right = REFERENCE[night].argmax(1) == Y[night], candidate[night].argmax(1) == Y[night]
    assert (worst.name, worst.samples) == ("night", night.sum())
    assert worst.accuracy_drop == pytest.approx(right[0].mean() - right[1].mean())
    assert worst.top1_agreement == 0
    assert worst.mean_absolute_difference == pytest.approx(np.abs(REFERENCE - candidate)[night].mean(), rel=1e-6)
    assert (best.name, best.accuracy_drop, best.top1_agreement) == ("day", 0, 1)


def test_labels_of_another_form_are_refused() -> None:
    with pytest.raises(DataError, match="not compatible with output y"):
        tallied(REFERENCE, CANDIDATE, np.zeros((COUNT, 2), np.float32))


def test_answers_that_are_no_numbers_are_refused() -> None:
    broken = REFERENCE.copy()
    broken[3, 2] = np.nan
    with pytest.raises(DataError, match="candidate gives NaN"):
        tallied(REFERENCE, broken, Y)
