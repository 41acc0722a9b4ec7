"""Metrics of a budget: numbers worked by hand, and scikit-learn's for the same arrays."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn.metrics

from edgekit.budget.metrics import FLOAT_ANSWERS, LABELS, metric_for, require_known
from edgekit_runtime.errors import DataError, UsageError

#: Five examples of three classes; the candidate moves two answers, one of them to the right class.
REFERENCE = np.array([[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.1, 0.2, 0.7], [0.5, 0.4, 0.1], [0.1, 0.8, 0.1]], np.float32)
CANDIDATE = np.array([[0.8, 0.1, 0.1], [0.2, 0.1, 0.7], [0.1, 0.2, 0.7], [0.4, 0.5, 0.1], [0.1, 0.8, 0.1]], np.float32)
LABELS_OF_FIVE = np.array([0, 1, 2, 1, 1], np.int64)


@pytest.mark.parametrize(
    ("name", "targets", "drop", "against"),
    [
        # 4 of 5 right, then 4 of 5 right.
        ("top1", LABELS_OF_FIVE, 0.0, LABELS),
        ("top1", np.array([0, 1, 2, 0, 1]), 0.4, LABELS),
        (None, np.array([0, 1, 2, 0, 1]), 0.4, LABELS),
        ("agreement", None, 0.4, FLOAT_ANSWERS),
        (None, None, 0.4, FLOAT_ANSWERS),
        ("agreement", LABELS_OF_FIVE, 0.4, FLOAT_ANSWERS),
    ],
    ids=["gain and loss", "two losses", "labelled", "agreement", "unlabelled", "agreement with labels"],
)
def test_classifiers(name: str | None, targets: np.ndarray | None, drop: float, against: str) -> None:
    metric = metric_for(name, REFERENCE, targets)
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
    assert metric_for(name, reference, y).drop(reference, candidate, y) == pytest.approx(drop)


def test_cosine_is_of_each_row() -> None:
    reference = np.array([[1, 0], [0, 2], [0, 0]], np.float32)
    # Turned by 90°, by 0° and, a row of zeros, not at all.
    candidate = np.array([[0, 3], [0, 1], [0, 0]], np.float32)
    assert metric_for("cosine", reference, None).drop(reference, candidate, None) == pytest.approx(1 / 3)


def test_class_labels_are_no_targets_for_a_row_of_scores() -> None:
    assert metric_for("mse", REFERENCE, LABELS_OF_FIVE).against == FLOAT_ANSWERS


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
    metric = metric_for(name, reference, LABELS_OF_FIVE)
    expected = by_hand(reference) - by_hand(candidate)
    assert metric.drop(reference, candidate, LABELS_OF_FIVE) == pytest.approx(expected)


def test_a_scorer_of_one_probability() -> None:
    reference, candidate = np.array([[0.1], [0.4], [0.6], [0.9]]), np.array([[0.1], [0.7], [0.6], [0.9]])
    y = np.array([0, 0, 1, 1])
    # All pairs in order, then one of four is not.
    assert metric_for("roc_auc", reference, y).drop(reference, candidate, y) == pytest.approx(0.25)
    assert metric_for("top1", reference, y).drop(reference, candidate, y) == pytest.approx(0.25)


def test_a_scorer_of_real_numbers() -> None:
    reference, candidate = np.array([[0.0], [2.0], [5.0]]), np.array([[0.0], [4.0], [5.0]])
    y = np.array([0, 2, 4], np.float32)
    # The largest errors are 1 and 2.
    assert metric_for("neg_max_error", reference, y).drop(reference, candidate, y) == pytest.approx(1.0)


def test_answers_that_are_no_numbers_are_infinitely_bad() -> None:
    broken = CANDIDATE.copy()
    broken[0, 0] = np.nan
    assert metric_for(None, REFERENCE, None).drop(REFERENCE, broken, None) == np.inf


def test_the_interval_of_a_share() -> None:
    interval = metric_for("agreement", REFERENCE, None).interval(REFERENCE, CANDIDATE, None)
    assert interval is not None
    assert interval.low < 0.4 < interval.high
    assert metric_for("mse", REFERENCE, None).interval(REFERENCE, CANDIDATE, None) is None


@pytest.mark.parametrize(
    ("name", "outputs", "targets", "sentence"),
    [
        ("top1", REFERENCE, None, "The metric top1 needs labels"),
        ("f1_macro", REFERENCE, None, "The metric f1_macro needs labels"),
        ("top1", np.array([[3.0], [7.0]]), np.array([0, 1]), "The metric top1 needs a classifier"),
        ("top1", REFERENCE, np.array([0, 1, 2, 3, 1]), "labels do not fit the model"),
        ("top1", REFERENCE, np.array([0.5, 1, 2, 1, 1], np.float32), "labels do not fit the model"),
    ],
    ids=["top1 unlabelled", "scorer unlabelled", "regression", "a fourth class", "real labels"],
)
def test_what_does_not_fit_is_a_sentence(
    name: str, outputs: np.ndarray, targets: np.ndarray | None, sentence: str
) -> None:
    with pytest.raises(DataError, match=sentence):
        metric_for(name, outputs, targets)


def test_a_scorer_for_other_answers_is_a_sentence() -> None:
    reference = np.array([[0.0], [2.0], [5.0]])
    y = np.array([0.5, 2.1, 4.4], np.float32)
    with pytest.raises(DataError, match="cannot compute f1_macro"):
        metric_for("f1_macro", reference, y).drop(reference, reference, y)


def test_an_unknown_metric_is_told_which_there_are() -> None:
    require_known(None)
    require_known("cosine")
    require_known("f1_macro")
    with pytest.raises(UsageError, match="no metric accurracy") as caught:
        require_known("accurracy")
    assert "top1, agreement, mse, mae, cosine, r2" in caught.value.expected
    assert "balanced_accuracy" in caught.value.expected
