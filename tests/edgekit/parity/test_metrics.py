"""Metrics: numbers worked by hand, and scikit-learn's for the same arrays."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn.metrics

from edgekit.parity.metrics import FLOAT_PREDICTIONS, LABELLED, METRICS, metric_for, require_known
from edgekit_runtime.errors import DataError, UsageError

#: Five examples of three classes; the candidate moves two answers, one of them to the right class.
REFERENCE = np.array([[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.1, 0.2, 0.7], [0.5, 0.4, 0.1], [0.1, 0.8, 0.1]], np.float32)
CANDIDATE = np.array([[0.8, 0.1, 0.1], [0.2, 0.1, 0.7], [0.1, 0.2, 0.7], [0.4, 0.5, 0.1], [0.1, 0.8, 0.1]], np.float32)
LABELS_OF_FIVE = np.array([0, 1, 2, 1, 1], np.int64)


@pytest.mark.parametrize(
    ("name", "targets", "drop", "against"),
    [
        # 4 of 5 right, then 4 of 5 right.
        ("top1", LABELS_OF_FIVE, 0.0, LABELLED),
        ("top1", np.array([0, 1, 2, 0, 1]), 0.4, LABELLED),
        (None, np.array([0, 1, 2, 0, 1]), 0.4, LABELLED),
        ("agreement", None, 0.4, FLOAT_PREDICTIONS),
        (None, None, 0.4, FLOAT_PREDICTIONS),
        ("agreement", LABELS_OF_FIVE, 0.4, FLOAT_PREDICTIONS),
    ],
    ids=["gain and loss", "two losses", "labelled", "agreement", "unlabelled", "agreement with labels"],
)
def test_classifiers(name: str | None, targets: np.ndarray | None, drop: float, against: str) -> None:
    metric = metric_for(name, "classes", REFERENCE, targets)
    assert metric.against == against
    assert metric.drop(REFERENCE, CANDIDATE, targets) == pytest.approx(drop)


@pytest.mark.parametrize(
    ("name", "targets", "drop"),
    [
        # Against targets 0, 2, 4 (mean 2, Σ² 8): the reference is off by 0, 0, 1, the candidate by 0, 2, 1.
        ("mse", [0, 2, 4], 5 / 3 - 1 / 3),
        ("mae", [0, 2, 4], 3 / 3 - 1 / 3),
        ("r2", [0, 2, 4], 5 / 8 - 1 / 8),
        (None, [0, 2, 4], 5 / 8 - 1 / 8),
        # Against the reference 0, 2, 5 (mean 7/3, Σ² 114/9): off by 0, 2, 0.
        ("mse", None, 4 / 3),
        ("mae", None, 2 / 3),
        ("r2", None, 4 / (114 / 9)),
    ],
    ids=["mse", "mae", "r2", "labelled", "mse unlabelled", "mae unlabelled", "r2 unlabelled"],
)
def test_regression(name: str | None, targets: list[float] | None, drop: float) -> None:
    reference, candidate = np.array([[0], [2], [5]], np.float32), np.array([[0], [4], [5]], np.float32)
    y = None if targets is None else np.array(targets, np.float32)
    assert metric_for(name, "values", reference, y).drop(reference, candidate, y) == pytest.approx(drop)


def test_cosine_is_of_each_row() -> None:
    reference = np.array([[1, 0], [0, 2], [0, 0]], np.float32)
    # Turned by 90°, by 0° and, a row of zeros, not at all.
    candidate = np.array([[0, 3], [0, 1], [0, 0]], np.float32)
    assert metric_for("cosine", "values", reference, None).drop(reference, candidate, None) == pytest.approx(1 / 3)


def test_class_labels_are_no_targets_for_a_row_of_scores() -> None:
    assert metric_for("mse", "classes", REFERENCE, LABELS_OF_FIVE).against == FLOAT_PREDICTIONS


@pytest.mark.parametrize("name", ["balanced_accuracy", "f1_macro", "neg_log_loss", "roc_auc_ovr", "top_k_accuracy"])
def test_scorers_of_scikit_learn(name: str) -> None:
    by_hand = {
        "balanced_accuracy": lambda a: sklearn.metrics.balanced_accuracy_score(LABELS_OF_FIVE, a.argmax(1)),
        "f1_macro": lambda a: sklearn.metrics.f1_score(LABELS_OF_FIVE, a.argmax(1), average="macro"),
        "neg_log_loss": lambda a: -sklearn.metrics.log_loss(LABELS_OF_FIVE, a),
        "roc_auc_ovr": lambda a: sklearn.metrics.roc_auc_score(LABELS_OF_FIVE, a, multi_class="ovr"),
        "top_k_accuracy": lambda a: sklearn.metrics.top_k_accuracy_score(LABELS_OF_FIVE, a),
    }[name]
    reference, candidate = (
        a.astype(np.float64) / a.sum(1, keepdims=True, dtype=np.float64) for a in (REFERENCE, CANDIDATE)
    )
    metric = metric_for(name, "classes", reference, LABELS_OF_FIVE)
    expected = by_hand(reference) - by_hand(candidate)
    assert metric.drop(reference, candidate, LABELS_OF_FIVE) == pytest.approx(expected)


def test_a_scorer_of_one_probability() -> None:
    reference, candidate = np.array([[0.1], [0.4], [0.6], [0.9]]), np.array([[0.1], [0.7], [0.6], [0.9]])
    y = np.array([0, 0, 1, 1])
    # All pairs in order, then one of four is not.
    assert metric_for("roc_auc", "classes", reference, y).drop(reference, candidate, y) == pytest.approx(0.25)
    assert metric_for("top1", "classes", reference, y).drop(reference, candidate, y) == pytest.approx(0.25)


def test_a_scorer_without_a_value_on_some_draws_has_no_interval(recwarn: pytest.WarningsRecorder) -> None:
    scores, y = np.array([[0.1], [0.4], [0.6], [0.9]]), np.array([0, 0, 1, 1])
    assert metric_for("roc_auc", "classes", scores, y).compare(scores, scores, y).interval is None
    assert not recwarn
    with pytest.raises(DataError, match="undefined for these examples"):
        metric_for("roc_auc", "classes", scores[:2], y[:2]).compare(scores[:2], scores[:2], y[:2])
    with pytest.raises(DataError, match="undefined for these examples"):
        metric_for("roc_auc", "classes", scores[:2], y[:2]).drop(scores[:2], scores[:2], y[:2])


def test_a_scorer_of_real_numbers() -> None:
    reference, candidate = np.array([[0.0], [2.0], [5.0]]), np.array([[0.0], [4.0], [5.0]])
    y = np.array([0, 2, 4], np.float32)
    # The largest errors are 1 and 2.
    assert metric_for("neg_max_error", "values", reference, y).drop(reference, candidate, y) == pytest.approx(1.0)


def test_answers_that_are_no_numbers_are_infinitely_bad() -> None:
    broken = CANDIDATE.copy()
    broken[0, 0] = np.nan
    assert metric_for(None, "classes", REFERENCE, None).drop(REFERENCE, broken, None) == np.inf


def test_every_metric_has_an_interval_around_its_drop() -> None:
    share = metric_for("agreement", "classes", REFERENCE, None).compare(REFERENCE, CANDIDATE, None)
    assert (share.reference, share.candidate, share.lost) == (1.0, pytest.approx(0.6), 2)
    assert share.interval is not None
    assert share.interval.low < 0.4 < share.interval.high
    error = metric_for("mse", "classes", REFERENCE, None).compare(REFERENCE, CANDIDATE, None)
    assert error.interval is not None
    assert error.interval.low <= error.drop <= error.interval.high


def test_labels_are_judged_by_f1() -> None:
    y = np.array([[1, 0, 1], [0, 1, 0], [1, 1, 0], [0, 0, 0]])
    reference = y * 0.8 + 0.1
    candidate = reference.copy()
    # One label is missed, one is found where it is not.
    candidate[0, 0], candidate[3, 1] = 0.2, 0.9
    paired = metric_for(None, "labels", reference, y).compare(reference, candidate, y)
    expected = sklearn.metrics.f1_score(y, candidate >= 0.5, average="macro")
    assert (paired.reference, paired.candidate) == (1.0, pytest.approx(expected))
    assert paired.lost == 2


def test_masks_are_judged_by_mean_intersection_over_union() -> None:
    y = np.zeros((2, 2, 4), np.int64)
    y[:, :, 2:] = 1
    reference = np.eye(3)[y].astype(np.float32)
    wrong = y.copy()
    wrong[0, 0, 0] = 1
    candidate = np.eye(3)[wrong].astype(np.float32)
    # Class 0: 7 of 8 pixels; class 1: 8 of 9; class 2 never occurs.
    paired = metric_for(None, "mask", reference, y).compare(reference, candidate, y)
    assert paired.drop == pytest.approx(1 - (7 / 8 + 8 / 9) / 2)
    pixels = metric_for("pixel_accuracy", "mask", reference, y).compare(reference, candidate, y)
    assert pixels.drop == pytest.approx(1 / 16)
    assert (paired.lost, pixels.lost) == (1, 1)


def test_sequences_are_judged_by_token_and_as_a_whole() -> None:
    y = np.array([[0, 1, 2], [2, 1, 0], [1, 1, 1], [0, 0, 0]])
    reference = np.eye(3)[y].astype(np.float32)
    wrong = y.copy()
    wrong[0, 0], wrong[0, 1] = 2, 2
    candidate = np.eye(3)[wrong].astype(np.float32)
    assert metric_for(None, "sequence", reference, y).drop(reference, candidate, y) == pytest.approx(2 / 12)
    assert metric_for("exact_match", "sequence", reference, y).drop(reference, candidate, y) == pytest.approx(1 / 4)


def test_a_state_is_judged_by_its_signal_to_noise_ratio() -> None:
    reference = np.array([[3.0, 4.0], [0.0, 5.0]])
    candidate = reference + np.array([[0.0, 0.5], [0.5, 0.0]])
    # Σ reference² is 50, Σ difference² 0.5: 20 dB, against no noise at all.
    paired = metric_for(None, "state", reference, None).compare(reference, candidate, None)
    assert paired.candidate == pytest.approx(20.0)


def test_classes_that_the_model_has_chosen_itself_are_compared_as_they_are() -> None:
    reference, candidate = np.array([0, 5, 2, 7]), np.array([0, 5, 2, 1])
    assert metric_for(None, "classes", reference, None).drop(reference, candidate, None) == pytest.approx(0.25)


@pytest.mark.parametrize("name", METRICS)
def test_a_model_that_is_equal_drops_nothing(name: str) -> None:
    kind = METRICS[name].kinds[0]
    shape = {"mask": (6, 4, 4, 3), "sequence": (6, 4, 3)}.get(kind, (6, 3))
    outputs = np.random.default_rng(0).random(shape)
    targets = outputs.argmax(1) if name == "top1" else None
    paired = metric_for(name, kind, outputs, targets).compare(outputs, outputs, targets)
    assert (paired.drop, paired.lost) == (0, 0)
    assert paired.interval is not None
    assert paired.interval.low <= 0 <= paired.interval.high


@pytest.mark.parametrize(
    ("name", "outputs", "targets", "sentence"),
    [
        ("top1", REFERENCE, None, "The metric top1 needs ground truth"),
        ("f1_macro", REFERENCE, None, "The metric f1_macro needs ground truth"),
        ("top1", REFERENCE, np.array([0, 1, 2, 3, 1]), "ground truth of the data is not compatible with the model"),
        (
            "top1",
            REFERENCE,
            np.array([0.5, 1, 2, 1, 1], np.float32),
            "ground truth of the data is not compatible with the model",
        ),
    ],
    ids=["top1 unlabelled", "scorer unlabelled", "a fourth class", "real labels"],
)
def test_what_does_not_fit_is_a_sentence(
    name: str, outputs: np.ndarray, targets: np.ndarray | None, sentence: str
) -> None:
    with pytest.raises(DataError, match=sentence):
        metric_for(name, "classes", outputs, targets)


def test_a_metric_of_another_kind_is_refused_with_those_that_fit() -> None:
    with pytest.raises(DataError, match="top1 does not judge an output of the kind values") as caught:
        metric_for("top1", "values", np.array([[3.0, 1.0], [7.0, 2.0]]), np.array([0, 1]))
    assert "--metric mse or mae" in caught.value.next_step


def test_a_scorer_for_other_answers_is_a_sentence() -> None:
    reference = np.array([[0.0], [2.0], [5.0]])
    y = np.array([0.5, 2.1, 4.4], np.float32)
    with pytest.raises(DataError, match="cannot compute f1_macro"):
        metric_for("f1_macro", "values", reference, y).drop(reference, reference, y)


def test_an_unknown_metric_is_told_which_there_are() -> None:
    require_known(None)
    require_known("cosine")
    require_known("f1_macro")
    with pytest.raises(UsageError, match="accurracy is not a metric") as caught:
        require_known("accurracy")
    assert "top1, agreement, f1, mean_iou" in caught.value.expected
    assert "balanced_accuracy" in caught.value.expected
