"""How good a model's outputs are, in one number per output, and how much of a drop is chance.

Each metric is one record: the kinds of outputs it judges, and a score that is computed from sums over examples. The
example is therefore the unit of every interval, also where an example has many pixels or steps. Larger scores are
better; a drop is the reference's score less the candidate's. With labels that a metric can use, both models are scored
against these; without, the candidate is scored against the reference's own predictions.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgekit.counting import counted
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

#: A label counts as predicted from this score on.
_LABEL_THRESHOLD = 0.5
_SCORED_KINDS = (CLASSES, MASK, SEQUENCE)
_NUMERIC_KINDS = (VALUES, BOXES, STATE, CLASSES, LABELS, MASK, SEQUENCE)
#: A scorer of scikit-learn is computed anew for each resample, which is slow.
_SCORER_RESAMPLES = 200


@dataclass(frozen=True, slots=True)
class Metric:
    """One way to judge an output.

    Attributes:
        name: As ``--metric`` takes it.
        meaning: What it is, for help texts.
        kinds: The kinds of outputs it is meant for.
        is_share: Whether it is a share of 1, so that a drop can be given in points.
        parts: From predictions and truth, shape (N, …) each, what an example adds to the score's sums, shape (N, K).
        score: The score of such sums, shape (…, K) to (…).
    """

    name: str
    meaning: str
    kinds: tuple[str, ...]
    is_share: bool
    parts: Callable[[np.ndarray, np.ndarray], np.ndarray]
    score: Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True, slots=True)
class PairedScore:
    """Two models' scores on the same examples.

    Attributes:
        reference: The reference's score.
        candidate: The candidate's; minus infinity if its outputs are not finite.
        drop: ``reference - candidate``; negative for a gain.
        interval: The 95 % interval of the drop; None for a single example, or if some draws have no score.
        lost: Examples on which the candidate does worse; None for a metric that is not a sum over examples.
    """

    reference: float
    candidate: float
    drop: float
    interval: Interval | None
    lost: int | None


@dataclass(frozen=True, slots=True)
class BoundMetric:
    """A metric for one output of a model.

    Attributes:
        name: Name of the metric, or of a scorer of scikit-learn.
        kind: The output's kind.
        against: What predictions are scored against, ``LABELLED`` or ``FLOAT_PREDICTIONS``.
        is_share: Whether it is a share of 1.
        is_logit: Whether the output's scores are logits.
    """

    name: str
    kind: str
    against: str
    is_share: bool
    is_logit: bool = False

    def drop(self, reference: np.ndarray, candidate: np.ndarray, targets: np.ndarray | None) -> float:
        """How much worse the candidate is, without an interval; infinite for outputs that are not finite.

        Args:
            reference: The reference's outputs, shape (N, …).
            candidate: The candidate's, same shape.
            targets: Labels of the examples, or None.
        """
        if not _is_finite(candidate):
            return float("inf")
        reference, candidate = self._divided(reference), self._divided(candidate)
        truth = self._truth(reference, targets)
        if self.name not in METRICS:
            before, after = _defined_scores(_scorer(self.name, self.kind), reference, candidate, truth)
            return before - after
        metric = METRICS[self.name]
        scores = [metric.score(metric.parts(values, truth).sum(0)) for values in (reference, candidate)]
        return float(scores[0] - scores[1])

    def compare(
        self, reference: np.ndarray, candidate: np.ndarray, targets: np.ndarray | None, *, seed: int = 0
    ) -> PairedScore:
        """Both scores, the drop and its interval; the arguments are those of :meth:`drop`."""
        if not _is_finite(candidate):
            return PairedScore(float("nan"), float("-inf"), float("inf"), None, None)
        reference, candidate = self._divided(reference), self._divided(candidate)
        truth = self._truth(reference, targets)
        if self.name not in METRICS:
            return _compare_by_scorer(_scorer(self.name, self.kind), reference, candidate, truth, seed)
        metric = METRICS[self.name]
        return compare_parts(metric, metric.parts(reference, truth), metric.parts(candidate, truth), seed=seed)

    def _divided(self, outputs: np.ndarray) -> np.ndarray:
        """Scores that 0.5 divides, unless the metric is about the numbers themselves."""
        return outputs if self.name in _NUMERIC else probabilities(outputs, self.is_logit)

    def _truth(self, reference: np.ndarray, targets: np.ndarray | None) -> np.ndarray:
        if targets is None or self.against == FLOAT_PREDICTIONS:
            return truth_of(self.kind, reference) if self._is_about_classes else reference
        return targets

    @property
    def _is_about_classes(self) -> bool:
        return self.name in METRICS and self.name not in _NUMERIC


def compare_parts(metric: Metric, reference: np.ndarray, candidate: np.ndarray, *, seed: int = 0) -> PairedScore:
    """Two models' scores from what each example adds to the sums of a metric.

    Args:
        metric: The metric.
        reference: The reference's parts, shape (N, K).
        candidate: The candidate's parts, same shape.
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
    """Refuse a metric that does not exist.

    Raises:
        UsageError: With all the names there are.
    """
    if name is None or name in METRICS:
        return
    from sklearn.metrics import get_scorer_names

    if name not in get_scorer_names():
        raise UsageError(
            f"There is no metric called {name}.",
            expected=f"{', '.join(METRICS)}, or a scorer of scikit-learn: {', '.join(get_scorer_names())}",
            received=name,
        )


def default_metric(kind: str, targets: np.ndarray | None) -> str:
    """The metric of a kind of output if the user names none."""
    name = _DEFAULTS[kind]
    return "agreement" if name == "top1" and targets is None else name


def metric_for(
    name: str | None, kind: str, outputs: np.ndarray, targets: np.ndarray | None, *, is_logit: bool = False
) -> BoundMetric:
    """Bind a metric to a model's output.

    Args:
        name: The metric, or None for the kind's own.
        kind: The output's kind.
        outputs: The float model's outputs, shape (N, …).
        targets: Labels of the examples; None if there are none.
        is_logit: Whether the output's scores are logits.
    Raises:
        DataError: The metric does not go with the output, or needs labels that are missing or do not fit.
    """
    name = name or default_metric(kind, targets)
    metric = METRICS.get(name)
    if metric is not None and kind not in metric.kinds:
        raise DataError(
            f"The metric {name} does not judge an output of the kind {kind}.",
            expected=f"an output of the kind {' or '.join(metric.kinds)}",
            received=f"{kind}, {OUTPUT_KINDS[kind]}; shape (N, {', '.join(map(str, outputs.shape[1:]))})",
            next_step=f"use --metric {' or '.join(each.name for each in METRICS.values() if kind in each.kinds)}",
        )
    if name == "agreement" or (metric is not None and targets is None and name != "top1"):
        return BoundMetric(name, kind, FLOAT_PREDICTIONS, metric is None or metric.is_share, is_logit)
    if name in _NUMERIC:
        fits = targets is not None and targets.size == outputs.size
        return BoundMetric(name, kind, LABELLED if fits else FLOAT_PREDICTIONS, is_share=False)
    if targets is None:
        raise DataError(
            f"The metric {name} needs labels.",
            expected="data with labels",
            received="data without",
            next_step="use --metric agreement, mse, mae or r2, which compare with the float model's predictions",
        )
    require_fitting_targets(kind, outputs, targets)
    return BoundMetric(name, kind, LABELLED, metric is not None and metric.is_share, is_logit)


def truth_of(kind: str, outputs: np.ndarray) -> np.ndarray:
    """The classes or labels that outputs stand for, as labels of the data would give them."""
    if kind == LABELS:
        return np.asarray(outputs >= _LABEL_THRESHOLD, np.int64)
    return predicted_classes(outputs) if kind in _SCORED_KINDS else outputs


def require_fitting_targets(kind: str, outputs: np.ndarray, targets: np.ndarray, name: str = "") -> None:
    """Refuse labels that cannot belong to an output.

    Args:
        kind: The output's kind.
        outputs: Outputs, shape (N, …).
        targets: Labels of the same examples.
        name: The output's name, for the message.
    Raises:
        DataError: Their type, shape or range does not fit.
    """
    if kind in _SCORED_KINDS:
        wanted = truth_of(kind, outputs).shape
        count = max(2, outputs.shape[-1]) if outputs.dtype.kind == "f" else np.iinfo(np.int64).max
        in_range = targets.dtype.kind == "i" and targets.min(initial=0) >= 0 and targets.max(initial=0) < count
        fits, expected = in_range and targets.shape == wanted, f"classes from 0 to {count - 1}, shape {wanted}"
    elif kind == LABELS:
        fits = targets.shape == outputs.shape and bool(np.isin(targets, (0, 1)).all())
        expected = f"0 or 1 for each label, shape {outputs.shape}"
    else:
        fits, expected = targets.size == outputs.size, f"real targets, shape {outputs.shape}"
    if not fits:
        kind_of_numbers = "class numbers" if targets.dtype.kind == "i" else "real numbers"
        raise DataError(
            "The data's labels do not fit the model" + (f"'s output {name}." if name else "."),
            expected=expected,
            received=f"{kind_of_numbers} up to {targets.max(initial=0)}, shape {targets.shape}",
            next_step="pass the data the model was trained for, declare the output with --output-kind, or leave the "
            "labels out to compare the two models alone",
        )


def _is_finite(values: np.ndarray) -> bool:
    return values.dtype.kind != "f" or bool(np.isfinite(values).all())


def _rows(*arrays: np.ndarray) -> tuple[np.ndarray, ...]:
    """Each as float64 (N, F)."""
    return tuple(np.asarray(array, np.float64).reshape(len(array), -1) for array in arrays)


def _equal_classes(predictions: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Which places (N, F) hold the true class."""
    return np.asarray(predicted_classes(predictions) == truth).reshape(len(truth), -1)


def _counted(values: Any) -> np.ndarray:
    """Parts of a mean over examples: the value and 1."""
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
    """True positives, false positives and false negatives of each label, (N, 3 × labels)."""
    found, right = truth_of(LABELS, predictions) == 1, truth == 1
    return np.concatenate([found & right, found & ~right, ~found & right], axis=1).astype(np.float64)


def _f1(sums: np.ndarray) -> np.ndarray:
    """Mean over the labels of 2 tp / (2 tp + fp + fn); labels that never occur and are never predicted do not count."""
    true, false, missed = np.split(sums, 3, axis=-1)
    whole = 2 * true + false + missed
    return _mean_of_present(2 * true, whole)


def _overlaps(predictions: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Pixels in both and pixels in either, for each class, (N, 2 × classes)."""
    chosen = predicted_classes(predictions)
    count = max(2, predictions.shape[-1]) if predictions.dtype.kind == "f" else int(max(chosen.max(), truth.max())) + 1
    chosen, truth = chosen.reshape(len(truth), -1), truth.reshape(len(truth), -1)
    both = np.stack([((chosen == each) & (truth == each)).sum(1) for each in range(count)], axis=1)
    either = np.stack([((chosen == each) | (truth == each)).sum(1) for each in range(count)], axis=1)
    return np.concatenate([both, either], axis=1).astype(np.float64)


def _mean_iou(sums: np.ndarray) -> np.ndarray:
    return _mean_of_present(*np.split(sums, 2, axis=-1))


def _mean_of_present(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """The mean of ``part / whole`` over the last axis, without what is not there at all; 1 if nothing is."""
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
    """The cosine of the angle between each prediction and the truth; two rows of zeros count as equal."""
    given, wanted = _rows(predictions, truth)
    norms = np.linalg.norm(given, axis=1) * np.linalg.norm(wanted, axis=1)
    products = (given * wanted).sum(1)
    both_zero = ~given.any(1) & ~wanted.any(1)
    return _counted(np.where(norms > 0, products / np.where(norms > 0, norms, 1), both_zero))


def _explained(predictions: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Squared errors, and squared deviations from the mean of all examples."""
    given, wanted = _rows(predictions, truth)
    return np.stack([np.square(given - wanted).sum(1), np.square(wanted - wanted.mean(0)).sum(1)], axis=1)


def _r2(sums: np.ndarray) -> np.ndarray:
    """1 - squared error / variance of the truth, over all values; see ``sklearn.metrics.r2_score``."""
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


#: Predictions that are equal have no noise; float32 itself has about 150 dB.
_HIGHEST_SNR = 150.0

_RECORDS = (
    Metric("top1", "share of examples with the right class", (CLASSES,), True, _share_equal, _mean),
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
    Metric("pixel_accuracy", "share of pixels with the right class", (MASK,), True, _share_equal, _mean),
    Metric("token_accuracy", "share of steps with the right token", (SEQUENCE,), True, _share_equal, _mean),
    Metric("exact_match", "share of sequences with every token right", (SEQUENCE,), True, _all_equal, _mean),
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
    Metric("r2", "share of the variance that is explained", _NUMERIC_KINDS, False, _explained, _r2),
    Metric("snr", "signal-to-noise ratio in dB", _NUMERIC_KINDS, False, _signal_and_noise, _snr),
)
#: Every metric of edgekit's own; any other name is a scorer of scikit-learn.
METRICS: Mapping[str, Metric] = {metric.name: metric for metric in _RECORDS}
_NUMERIC = frozenset({"mse", "mae", "rmse", "cosine", "r2", "snr"})
#: Means over examples of something from 0 to 1.
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
        DataError: One of them has no value.
    """
    scores = score(reference, truth), score(candidate, truth)
    if not np.isfinite(scores).all():
        raise DataError(
            "The metric is not defined on these examples.",
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
    # Among few examples, many a draw has none of some class, and the metric no value for it.
    if interval is not None and not np.isfinite([interval.low, interval.high]).all():
        interval = None
    return PairedScore(*scores, scores[0] - scores[1], interval, None)


def _scorer(name: str, kind: str) -> Callable[[np.ndarray, np.ndarray], float]:
    """scikit-learn's scorer of that name, for predictions that are at hand."""
    from sklearn.metrics import get_scorer

    scorer = get_scorer(name)

    def score(predictions: np.ndarray, truth: np.ndarray) -> float:
        try:
            # It warns of every draw of the bootstrap that the metric is not defined on.
            with warnings.catch_warnings(action="ignore"):
                return float(scorer(_predicting(predictions.shape[-1], kind), predictions, truth))
        except (ValueError, TypeError, AttributeError) as error:
            raise DataError(
                f"scikit-learn cannot compute {name} of this model's predictions.",
                received=str(error).strip().splitlines()[0][:300],
                next_step=f"choose a metric for {OUTPUT_KINDS[kind]}",
            ) from error

    return score


def _predicting(columns: int, kind: str) -> Any:
    """A fitted estimator of scikit-learn whose input is a model's output, which it gives back."""
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
