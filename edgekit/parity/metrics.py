"""Metrics: one score per output of a model, and the interval of its drop.

Each metric is one record: the kinds of outputs it judges, and a score computed from sums over examples. The example is
therefore the unit of every interval, even if it has many pixels or steps. Larger scores are better; a drop is the
reference's score minus the candidate's. With ground truth that the metric can use, both models are scored against it;
without, the candidate is scored against the reference's predictions.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgekit.counting import counted
from edgekit.parity.average_precision import BOX_METRICS, box_score, compare_boxes, match
from edgekit.parity.found_boxes import as_truth
from edgekit.parity.paired_statistics import (
    Interval,
    PairedCounts,
    bootstrap_by_example,
    drop_interval,
    score_drop_interval,
)
from edgekit_runtime.classification import predicted_classes, probabilities
from edgekit_runtime.errors import DataError, UsageError
from edgekit_runtime.task import BOXES, CLASSES, LABELS, MASK, OUTPUT_KINDS, SEQUENCE, STATE, VALUES

LABELLED = "labels"
FLOAT_PREDICTIONS = "the float model's predictions"

#: A label counts as predicted if its score is at least this.
_LABEL_THRESHOLD = 0.5
_SCORED_KINDS = (CLASSES, MASK, SEQUENCE)
_NUMERIC_KINDS = (VALUES, BOXES, STATE, CLASSES, LABELS, MASK, SEQUENCE)
#: A scikit-learn scorer is recomputed for each resample, which is slow.
_SCORER_RESAMPLES = 200


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric for outputs of certain kinds.

    Attributes:
        name: Metric name for ``--metric``.
        meaning: Short description for help texts.
        kinds: Kinds of outputs that the metric judges.
        is_share: Whether scores are fractions, so that a drop can be given in percentage points.
        parts: Maps predictions and ground truth, shape (N, …) each, to each example's contribution to the sums, (N, K).
        score: Maps sums, shape (…, K), to scores, shape (…).
    """

    name: str
    meaning: str
    kinds: tuple[str, ...]
    is_share: bool
    parts: Callable[[np.ndarray, np.ndarray], np.ndarray]
    score: Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True, slots=True)
class PairedScore:
    """Scores of two models on the same examples.

    Attributes:
        reference: Score of the reference.
        candidate: Score of the candidate; minus infinity if its outputs are not finite.
        drop: ``reference - candidate``; negative for a gain.
        interval: 95 % interval of the drop; None for a single example, or if the score is undefined for some resamples.
        lost: Number of examples on which the candidate is worse; None for a metric that is not a sum over examples.
    """

    reference: float
    candidate: float
    drop: float
    interval: Interval | None
    lost: int | None


@dataclass(frozen=True, slots=True)
class BoundMetric:
    """A metric bound to one output of a model.

    Attributes:
        name: Name of the metric or of a scikit-learn scorer.
        kind: Kind of the output.
        against: What predictions are scored against, ``LABELLED`` or ``FLOAT_PREDICTIONS``.
        is_share: Whether scores are fractions.
        is_logit: Whether the scores of the output are logits.
    """

    name: str
    kind: str
    against: str
    is_share: bool
    is_logit: bool = False

    def drop(self, reference: np.ndarray, candidate: np.ndarray, ground_truth: np.ndarray | None) -> float:
        """The drop without an interval; infinite if outputs of the candidate are not finite.

        Args:
            reference: Outputs of the reference, shape (N, …).
            candidate: Outputs of the candidate, same shape.
            ground_truth: True values of the examples, or None.
        """
        if not _is_finite(candidate):
            return float("inf")
        if self.name in BOX_METRICS:
            truth = self._true_boxes(reference, ground_truth)
            before, after = (box_score(self.name, match(found, truth)) for found in (reference, candidate))
            return before - after
        reference, candidate = self._divided(reference), self._divided(candidate)
        truth = self._truth(reference, ground_truth)
        if self.name not in METRICS:
            before, after = _defined_scores(_scorer(self.name, self.kind), reference, candidate, truth)
            return before - after
        metric = METRICS[self.name]
        scores = [metric.score(metric.parts(values, truth).sum(0)) for values in (reference, candidate)]
        return float(scores[0] - scores[1])

    def compare(
        self, reference: np.ndarray, candidate: np.ndarray, ground_truth: np.ndarray | None, *, seed: int = 0
    ) -> PairedScore:
        """Both scores, the drop and its interval; arguments as for :meth:`drop`."""
        if not _is_finite(candidate):
            return PairedScore(float("nan"), float("-inf"), float("inf"), None, None)
        if self.name in BOX_METRICS:
            boxes = compare_boxes(self.name, reference, candidate, self._true_boxes(reference, ground_truth), seed=seed)
            return PairedScore(
                boxes.reference, boxes.candidate, boxes.reference - boxes.candidate, boxes.interval, None
            )
        reference, candidate = self._divided(reference), self._divided(candidate)
        truth = self._truth(reference, ground_truth)
        if self.name not in METRICS:
            return _compare_by_scorer(_scorer(self.name, self.kind), reference, candidate, truth, seed)
        metric = METRICS[self.name]
        return compare_parts(metric, metric.parts(reference, truth), metric.parts(candidate, truth), seed=seed)

    def _divided(self, outputs: np.ndarray) -> np.ndarray:
        """Outputs as probabilities, unless the metric judges the values themselves."""
        return outputs if self.name in _NUMERIC else probabilities(outputs, self.is_logit)

    def _truth(self, reference: np.ndarray, ground_truth: np.ndarray | None) -> np.ndarray:
        if ground_truth is None or self.against == FLOAT_PREDICTIONS:
            return truth_of(self.kind, reference) if self._is_about_classes else reference
        return ground_truth

    def _true_boxes(self, reference: np.ndarray, ground_truth: np.ndarray | None) -> np.ndarray:
        is_labelled = ground_truth is not None and self.against == LABELLED
        return ground_truth if is_labelled and ground_truth is not None else as_truth(reference)

    @property
    def _is_about_classes(self) -> bool:
        return self.name in METRICS and self.name not in _NUMERIC


def compare_parts(metric: Metric, reference: np.ndarray, candidate: np.ndarray, *, seed: int = 0) -> PairedScore:
    """Compare two models by each example's contributions to the sums of a metric.

    Args:
        metric: Metric to compute.
        reference: Contributions for the reference, shape (N, K).
        candidate: Contributions for the candidate, same shape.
        seed: Seed of the bootstrap.
    """
    scores = float(metric.score(reference.sum(0))), float(metric.score(candidate.sum(0)))
    each = np.asarray(metric.score(reference)), np.asarray(metric.score(candidate))
    return PairedScore(
        reference=scores[0],
        candidate=scores[1],
        drop=scores[0] - scores[1],
        interval=_interval(metric, reference, candidate, each, seed),
        lost=int(np.count_nonzero(each[1] < each[0])),
    )


def _interval(
    metric: Metric, reference: np.ndarray, candidate: np.ndarray, each: tuple[np.ndarray, np.ndarray], seed: int
) -> Interval | None:
    if len(reference) < 2:
        return None
    is_right_or_wrong = metric.name in _COUNTED and all(np.isin(scores, (0.0, 1.0)).all() for scores in each)
    if is_right_or_wrong:
        return drop_interval(PairedCounts.of(each[0] == 1, each[1] == 1))
    return score_drop_interval(metric.score, reference, candidate, seed=seed)


def require_known(name: str | None) -> None:
    """Refuse an unknown metric.

    Raises:
        UsageError: The metric is unknown; the message lists all names.
    """
    if name is None or name in METRICS or name in BOX_METRICS:
        return
    from sklearn.metrics import get_scorer_names

    if name not in get_scorer_names():
        raise UsageError(
            f"{name} is not a metric.",
            expected=f"{', '.join([*METRICS, *BOX_METRICS])}, or a scorer of scikit-learn: "
            f"{', '.join(get_scorer_names())}",
            received=name,
        )


def boxes_metric(name: str, truth: np.ndarray | None) -> BoundMetric:
    """Bind one of ``BOX_METRICS`` to the boxes that a detector finds.

    Args:
        name: Metric name.
        truth: True boxes, or None to compare with the float model's boxes.
    """
    return BoundMetric(name, BOXES, FLOAT_PREDICTIONS if truth is None else LABELLED, is_share=True)


def default_metric(kind: str, ground_truth: np.ndarray | None) -> str:
    """The default metric of a kind of output."""
    name = _DEFAULTS[kind]
    return "agreement" if name == "top1" and ground_truth is None else name


def metric_for(
    name: str | None, kind: str, outputs: np.ndarray, ground_truth: np.ndarray | None, *, is_logit: bool = False
) -> BoundMetric:
    """Bind a metric to a model's output.

    Args:
        name: Metric name, or None for the default of the kind.
        kind: Kind of the output.
        outputs: Outputs of the float model, shape (N, …).
        ground_truth: True values of the examples, or None.
        is_logit: Whether the scores of the output are logits.
    Raises:
        DataError: The metric does not judge this kind, or needs ground truth that is missing or not compatible.
    """
    name = name or default_metric(kind, ground_truth)
    metric = METRICS.get(name)
    if metric is not None and kind not in metric.kinds:
        raise DataError(
            f"The metric {name} does not judge an output of the kind {kind}.",
            expected=f"an output of the kind {' or '.join(metric.kinds)}",
            received=f"{kind}, {OUTPUT_KINDS[kind]}; shape (N, {', '.join(map(str, outputs.shape[1:]))})",
            next_step=f"use --metric {' or '.join(each.name for each in METRICS.values() if kind in each.kinds)}",
        )
    if name == "agreement" or (metric is not None and ground_truth is None and name != "top1"):
        return BoundMetric(name, kind, FLOAT_PREDICTIONS, metric is None or metric.is_share, is_logit)
    if name in _NUMERIC:
        fits = ground_truth is not None and ground_truth.size == outputs.size
        return BoundMetric(name, kind, LABELLED if fits else FLOAT_PREDICTIONS, is_share=False)
    if ground_truth is None:
        raise DataError(
            f"The metric {name} needs ground truth.",
            expected="data with ground truth",
            received="data without ground truth",
            next_step="use --metric agreement, mse, mae or r2, which compare with the float model's predictions",
        )
    require_compatible_ground_truth(kind, outputs, ground_truth)
    return BoundMetric(name, kind, LABELLED, metric is not None and metric.is_share, is_logit)


def truth_of(kind: str, outputs: np.ndarray) -> np.ndarray:
    """The classes or labels that outputs predict, in the form of ground truth."""
    if kind == LABELS:
        return np.asarray(outputs >= _LABEL_THRESHOLD, np.int64)
    return predicted_classes(outputs) if kind in _SCORED_KINDS else outputs


def require_compatible_ground_truth(kind: str, outputs: np.ndarray, ground_truth: np.ndarray, name: str = "") -> None:
    """Refuse ground truth that cannot belong to an output.

    Args:
        kind: Kind of the output.
        outputs: Outputs, shape (N, …).
        ground_truth: True values of the same examples.
        name: Output name, for the message.
    Raises:
        DataError: Type, shape or range is not compatible.
    """
    if kind in _SCORED_KINDS:
        wanted = truth_of(kind, outputs).shape
        count = max(2, outputs.shape[-1]) if outputs.dtype.kind == "f" else np.iinfo(np.int64).max
        in_range = (
            ground_truth.dtype.kind == "i" and ground_truth.min(initial=0) >= 0 and ground_truth.max(initial=0) < count
        )
        fits, expected = in_range and ground_truth.shape == wanted, f"classes from 0 to {count - 1}, shape {wanted}"
    elif kind == LABELS:
        fits = ground_truth.shape == outputs.shape and bool(np.isin(ground_truth, (0, 1)).all())
        expected = f"0 or 1 for each label, shape {outputs.shape}"
    else:
        fits, expected = ground_truth.size == outputs.size, f"real values, shape {outputs.shape}"
    if not fits:
        kind_of_numbers = "classes" if ground_truth.dtype.kind == "i" else "real values"
        raise DataError(
            "The ground truth of the data is not compatible with " + (f"output {name}." if name else "the model."),
            expected=expected,
            received=f"{kind_of_numbers} up to {ground_truth.max(initial=0)}, shape {ground_truth.shape}",
            next_step="pass the data the model was trained for, declare the output with --output-kind, or remove the "
            "ground truth to compare only the two models",
        )


def _is_finite(values: np.ndarray) -> bool:
    return values.dtype.kind != "f" or bool(np.isfinite(values).all())


def _rows(*arrays: np.ndarray) -> tuple[np.ndarray, ...]:
    """Each array as float64 (N, F)."""
    return tuple(np.asarray(array, np.float64).reshape(len(array), -1) for array in arrays)


def _equal_classes(predictions: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Whether each predicted class is the true one, bool (N, F)."""
    return np.asarray(predicted_classes(predictions) == truth).reshape(len(truth), -1)


def _counted(values: Any) -> np.ndarray:
    """Contributions to a mean over examples: the value and 1."""
    return np.stack([np.asarray(values, np.float64), np.ones(len(values))], axis=1)


def _mean(sums: np.ndarray) -> np.ndarray:
    return np.asarray(sums[..., 0] / sums[..., 1])


def _share_equal(predictions: np.ndarray, truth: np.ndarray) -> np.ndarray:
    return _counted(_equal_classes(predictions, truth).mean(1))


def _label_agreement(predictions: np.ndarray, truth: np.ndarray) -> np.ndarray:
    if predictions.shape == truth.shape and predictions.dtype.kind == "f":
        return _counted((truth_of(LABELS, predictions) == truth).reshape(len(truth), -1).mean(1))
    return _share_equal(predictions, truth)


def _all_equal(predictions: np.ndarray, truth: np.ndarray) -> np.ndarray:
    return _counted(np.all(_equal_classes(predictions, truth), axis=1))


def _confusions(predictions: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """True positives, false positives and false negatives for each label, (N, 3 × labels)."""
    found, right = truth_of(LABELS, predictions) == 1, truth == 1
    return np.concatenate([found & right, found & ~right, ~found & right], axis=1).astype(np.float64)


def _f1(sums: np.ndarray) -> np.ndarray:
    """Mean over the labels of 2 tp / (2 tp + fp + fn); labels that never occur and are never predicted do not count."""
    true, false, missed = np.split(sums, 3, axis=-1)
    whole = 2 * true + false + missed
    return _mean_of_present(2 * true, whole)


def _overlaps(predictions: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Intersection and union in pixels for each class, (N, 2 × classes)."""
    chosen = predicted_classes(predictions)
    count = max(2, predictions.shape[-1]) if predictions.dtype.kind == "f" else int(max(chosen.max(), truth.max())) + 1
    chosen, truth = chosen.reshape(len(truth), -1), truth.reshape(len(truth), -1)
    both = np.stack([((chosen == each) & (truth == each)).sum(1) for each in range(count)], axis=1)
    either = np.stack([((chosen == each) | (truth == each)).sum(1) for each in range(count)], axis=1)
    return np.concatenate([both, either], axis=1).astype(np.float64)


def _mean_iou(sums: np.ndarray) -> np.ndarray:
    return _mean_of_present(*np.split(sums, 2, axis=-1))


def _mean_of_present(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """The mean of ``part / whole`` over the last axis where ``whole`` is positive; 1 if it never is."""
    present = whole > 0
    shares = np.divide(part, whole, out=np.zeros_like(part), where=present)
    count = present.sum(-1)
    return np.asarray(np.where(count > 0, shares.sum(-1) / np.maximum(count, 1), 1.0))


def _absolute_error(predictions: np.ndarray, truth: np.ndarray) -> np.ndarray:
    given, wanted = _rows(predictions, truth)
    return _counted(np.abs(given - wanted).mean(1))


def _squared_error(predictions: np.ndarray, truth: np.ndarray) -> np.ndarray:
    given, wanted = _rows(predictions, truth)
    return _counted(np.square(given - wanted).mean(1))


def _cosines(predictions: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """The cosine of the angle between each prediction and the ground truth; two zero rows count as equal."""
    given, wanted = _rows(predictions, truth)
    norms = np.linalg.norm(given, axis=1) * np.linalg.norm(wanted, axis=1)
    products = (given * wanted).sum(1)
    both_zero = ~given.any(1) & ~wanted.any(1)
    return _counted(np.where(norms > 0, products / np.where(norms > 0, norms, 1), both_zero))


def _explained(predictions: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Squared errors, and squared deviations of the ground truth from its mean."""
    given, wanted = _rows(predictions, truth)
    return np.stack([np.square(given - wanted).sum(1), np.square(wanted - wanted.mean(0)).sum(1)], axis=1)


def _r2(sums: np.ndarray) -> np.ndarray:
    """1 - squared error / variance of the ground truth, over all values; see ``sklearn.metrics.r2_score``."""
    error, variance = sums[..., 0], sums[..., 1]
    explained = 1 - np.divide(error, variance, out=np.ones_like(error), where=variance > 0)
    return np.asarray(np.where(variance > 0, explained, np.where(error > 0, 0.0, 1.0)))


def _signal_and_noise(predictions: np.ndarray, truth: np.ndarray) -> np.ndarray:
    given, wanted = _rows(predictions, truth)
    return np.stack([np.square(wanted).sum(1), np.square(given - wanted).sum(1)], axis=1)


def _snr(sums: np.ndarray) -> np.ndarray:
    """``10 log10(Σ truth² / Σ difference²)`` in dB, at most ``_HIGHEST_SNR``."""
    signal, noise = sums[..., 0], sums[..., 1]
    floor = 10 ** (-_HIGHEST_SNR / 10)
    return np.asarray(-10 * np.log10(np.maximum(noise / np.maximum(signal, 1e-300), floor)))


#: Limit for equal predictions, which have no noise; the precision of float32 is about 150 dB.
_HIGHEST_SNR = 150.0

_RECORDS = (
    Metric("top1", "share of examples with the correct class", (CLASSES,), True, _share_equal, _mean),
    Metric(
        "agreement",
        "share of classes or labels equal to the float model's",
        (*_SCORED_KINDS, LABELS),
        True,
        _label_agreement,
        _mean,
    ),
    Metric("f1", "F1 score, the mean over the labels", (LABELS,), True, _confusions, _f1),
    Metric("mean_iou", "mean over classes of intersection over union", (MASK,), True, _overlaps, _mean_iou),
    Metric("pixel_accuracy", "share of pixels with the correct class", (MASK,), True, _share_equal, _mean),
    Metric("token_accuracy", "share of steps with the correct token", (SEQUENCE,), True, _share_equal, _mean),
    Metric("exact_match", "share of sequences with every token correct", (SEQUENCE,), True, _all_equal, _mean),
    Metric("mse", "negative mean squared error", _NUMERIC_KINDS, False, _squared_error, lambda sums: -_mean(sums)),
    Metric("mae", "negative mean absolute error", _NUMERIC_KINDS, False, _absolute_error, lambda sums: -_mean(sums)),
    Metric(
        "rmse",
        "negative root of the mean squared error",
        _NUMERIC_KINDS,
        False,
        _squared_error,
        lambda sums: -np.sqrt(_mean(sums)),
    ),
    Metric("cosine", "mean cosine similarity", _NUMERIC_KINDS, False, _cosines, _mean),
    Metric("r2", "share of the variance explained", _NUMERIC_KINDS, False, _explained, _r2),
    Metric("snr", "signal-to-noise ratio in dB", _NUMERIC_KINDS, False, _signal_and_noise, _snr),
)
#: The metrics that edgekit defines; any other name is a scikit-learn scorer.
METRICS: Mapping[str, Metric] = {metric.name: metric for metric in _RECORDS}
_NUMERIC = frozenset({"mse", "mae", "rmse", "cosine", "r2", "snr"})
#: Means over examples of a value from 0 to 1.
_COUNTED = frozenset({"top1", "agreement", "pixel_accuracy", "token_accuracy", "exact_match"})
_DEFAULTS: Mapping[str, str] = {
    CLASSES: "top1",
    LABELS: "f1",
    VALUES: "r2",
    MASK: "mean_iou",
    BOXES: "r2",
    SEQUENCE: "token_accuracy",
    STATE: "snr",
}


def _defined_scores(
    score: Callable[[np.ndarray, np.ndarray], float], reference: np.ndarray, candidate: np.ndarray, truth: np.ndarray
) -> tuple[float, float]:
    """Both scores.

    Raises:
        DataError: One of them is undefined.
    """
    scores = score(reference, truth), score(candidate, truth)
    if not np.isfinite(scores).all():
        raise DataError(
            "The metric is undefined for these examples.",
            expected="for most metrics, examples of more than one class",
            received=f"scores {scores[0]:g} and {scores[1]:g} on {counted(len(truth), 'held-back example')}",
            next_step="pass more examples, or choose another --metric",
        )
    return scores


def _compare_by_scorer(
    score: Callable[[np.ndarray, np.ndarray], float],
    reference: np.ndarray,
    candidate: np.ndarray,
    truth: np.ndarray,
    seed: int,
) -> PairedScore:
    scores = _defined_scores(score, reference, candidate, truth)

    def drop_of(rows: np.ndarray) -> float:
        return score(reference[rows], truth[rows]) - score(candidate[rows], truth[rows])

    interval = bootstrap_by_example(drop_of, len(truth), resamples=_SCORER_RESAMPLES, seed=seed)
    # With few examples, a resample may lack a class, and the metric is undefined for it.
    if interval is not None and not np.isfinite([interval.low, interval.high]).all():
        interval = None
    return PairedScore(*scores, scores[0] - scores[1], interval, None)


def _scorer(name: str, kind: str) -> Callable[[np.ndarray, np.ndarray], float]:
    """A scikit-learn scorer, wrapped so that it scores given predictions."""
    from sklearn.metrics import get_scorer

    scorer = get_scorer(name)

    def score(predictions: np.ndarray, truth: np.ndarray) -> float:
        try:
            # It warns about every resample for which the metric is undefined.
            with warnings.catch_warnings(action="ignore"):
                return float(scorer(_predicting(predictions.shape[-1], kind), predictions, truth))
        except (ValueError, TypeError, AttributeError) as error:
            raise DataError(
                f"scikit-learn cannot compute {name} for this model's predictions.",
                received=str(error).strip().splitlines()[0][:300],
                next_step=f"choose a metric for {OUTPUT_KINDS[kind]}",
            ) from error

    return score


def _predicting(columns: int, kind: str) -> Any:
    """A fitted scikit-learn estimator that takes a model's predictions as input and returns them."""
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

    class Classifier(ClassifierMixin, BaseEstimator):
        def __init__(self) -> None:
            self.classes_ = np.arange(max(2, columns))

        def __sklearn_is_fitted__(self) -> bool:
            return True

        def predict(self, predictions: np.ndarray) -> np.ndarray:
            return truth_of(kind, predictions)

        def predict_proba(self, predictions: np.ndarray) -> np.ndarray:
            scores = np.asarray(predictions, np.float64)
            if kind == LABELS:
                return scores
            return np.hstack([1 - scores, scores]) if columns == 1 else scores / scores.sum(1, keepdims=True)

    class Regressor(RegressorMixin, BaseEstimator):
        def __sklearn_is_fitted__(self) -> bool:
            return True

        def predict(self, predictions: np.ndarray) -> np.ndarray:
            return predictions[:, 0] if columns == 1 else predictions

    return Classifier() if kind in (CLASSES, LABELS) else Regressor()
