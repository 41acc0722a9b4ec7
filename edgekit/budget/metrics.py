"""How good answers are, in one number: what a budget is about.

Every metric is a score, larger being better, and a drop is the float model's score less the candidate's. With labels
that a metric can use, both are scored against these; without, against the float model's own answers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgekit.parity.paired_statistics import Interval, PairedCounts, drop_interval
from edgekit_runtime.errors import DataError, UsageError

#: Metrics of our own; every other name is a scorer of scikit-learn.
OWN_METRICS = ("top1", "agreement", "mse", "mae", "cosine", "r2")

LABELS = "labels"
FLOAT_ANSWERS = "the float model's answers"


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric bound to one output of a model.

    Attributes:
        name: ``top1``, ``agreement``, ``mse``, ``mae``, ``cosine``, ``r2``, or a scorer of scikit-learn.
        against: What answers are scored against, ``LABELS`` or ``FLOAT_ANSWERS``.
    """

    name: str
    against: str
    _score: Callable[[np.ndarray, np.ndarray], float]

    def drop(self, reference: np.ndarray, candidate: np.ndarray, targets: np.ndarray | None) -> float:
        """How much worse the candidate is; negative for a gain, infinite for answers that are no numbers.

        Args:
            reference: The float model's outputs, shape (N, …).
            candidate: The candidate's, same shape.
            targets: Labels of the examples, or None.
        """
        if not np.isfinite(candidate).all():
            return float("inf")
        truth = reference if targets is None or self.against == FLOAT_ANSWERS else targets
        return float(self._score(reference, truth) - self._score(candidate, truth))

    def interval(self, reference: np.ndarray, candidate: np.ndarray, targets: np.ndarray | None) -> Interval | None:
        """The 95 % interval of a drop of top-1 or of agreement; None for other metrics."""
        if self.name not in ("top1", "agreement"):
            return None
        truth = classes(reference) if targets is None or self.against == FLOAT_ANSWERS else targets
        right = (np.ravel(classes(answers) == truth) for answers in (reference, candidate))
        return drop_interval(PairedCounts.of(*right))


def require_known(name: str | None) -> None:
    """Refuse a metric that does not exist.

    Raises:
        UsageError: With all the names there are.
    """
    if name is None or name in OWN_METRICS:
        return
    from sklearn.metrics import get_scorer_names

    if name not in get_scorer_names():
        raise UsageError(
            f"There is no metric {name}.",
            expected=f"{', '.join(OWN_METRICS)}, or a scorer of scikit-learn: {', '.join(get_scorer_names())}",
            received=name,
        )


def metric_for(name: str | None, outputs: np.ndarray, targets: np.ndarray | None) -> Metric:
    """Bind a metric to a model's output.

    Args:
        name: The metric, or None for top-1 of a classifier with labels, agreement without, and R² of other outputs.
        outputs: The float model's outputs, shape (N, …).
        targets: Labels of the examples, class numbers int64 or real float32; None where there are none.
    Raises:
        DataError: The metric does not go with the output, or needs labels that are not there or do not fit.
    """
    is_classifier = _are_scores(outputs)
    if name is None:
        has_classes = targets is not None and targets.dtype.kind == "i"
        name = ("top1" if has_classes else "agreement") if is_classifier else "r2"
    if name in ("top1", "agreement") and not is_classifier:
        raise DataError(
            f"The metric {name} needs a classifier.",
            expected="a row of scores an example",
            received=f"outputs of shape (N, {', '.join(map(str, outputs.shape[1:]))})",
            next_step="use --metric r2, mse, mae or cosine",
        )
    if name == "agreement":
        return Metric(name, FLOAT_ANSWERS, lambda answers, truth: _top1(answers, classes(truth)))
    if name in _NUMERIC:
        fits = targets is not None and targets.size == outputs.size
        return Metric(name, LABELS if fits else FLOAT_ANSWERS, _NUMERIC[name])
    if targets is None:
        raise DataError(
            f"The metric {name} needs labels.",
            expected="data with labels",
            received="data without",
            next_step="use --metric agreement, mse, mae, cosine or r2, which compare with the float model's answers",
        )
    if name == "top1":
        _require_classes(targets, outputs)
        return Metric(name, LABELS, _top1)
    return Metric(name, LABELS, _scorer(name, is_classifier))


def classes(outputs: np.ndarray) -> np.ndarray:
    """The class that each row of scores stands for; a single score is the second of two classes'."""
    if outputs.shape[-1] == 1:
        return np.asarray(outputs[..., 0] > 0.5, np.int64)
    return np.asarray(outputs.argmax(-1))


def _are_scores(outputs: np.ndarray) -> bool:
    """Whether outputs are rows of scores of classes; one score an example must be a probability."""
    if outputs.ndim < 2:
        return False
    return outputs.shape[-1] > 1 or bool(outputs.min() >= 0 and outputs.max() <= 1)


def _require_classes(targets: np.ndarray, outputs: np.ndarray) -> None:
    count = max(2, outputs.shape[-1])
    if targets.dtype.kind != "i" or targets.shape != outputs.shape[:-1] or targets.max(initial=0) >= count:
        kind = "class numbers" if targets.dtype.kind == "i" else "real numbers"
        raise DataError(
            "The data's labels do not fit the model.",
            expected=f"one class from 0 to {count - 1} an example",
            received=f"{kind} up to {targets.max(initial=0)}, shape {targets.shape} for outputs {outputs.shape}",
            next_step="pass the data the model was trained for, or --metric agreement",
        )


def _top1(answers: np.ndarray, truth: np.ndarray) -> float:
    return float(np.mean(classes(answers) == truth))


def _aligned(answers: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both as float64 (N, F)."""
    return tuple(np.asarray(x, np.float64).reshape(len(answers), -1) for x in (answers, truth))  # type: ignore[return-value]


def _negative_mse(answers: np.ndarray, truth: np.ndarray) -> float:
    given, wanted = _aligned(answers, truth)
    return -float(np.mean((given - wanted) ** 2))


def _negative_mae(answers: np.ndarray, truth: np.ndarray) -> float:
    given, wanted = _aligned(answers, truth)
    return -float(np.mean(np.abs(given - wanted)))


def _cosine(answers: np.ndarray, truth: np.ndarray) -> float:
    """Mean cosine of the angle between each answer and the truth; rows of zeros count as right if both are."""
    given, wanted = _aligned(answers, truth)
    norms = np.linalg.norm(given, axis=1) * np.linalg.norm(wanted, axis=1)
    products = (given * wanted).sum(1)
    both_zero = ~given.any(1) & ~wanted.any(1)
    return float(np.mean(np.where(norms > 0, products / np.where(norms > 0, norms, 1), both_zero)))


def _r2(answers: np.ndarray, truth: np.ndarray) -> float:
    """1 - squared error / variance of the truth, over all values; see ``sklearn.metrics.r2_score``."""
    given, wanted = _aligned(answers, truth)
    variance = float(((wanted - wanted.mean(0)) ** 2).sum())
    error = float(((given - wanted) ** 2).sum())
    return 1 - error / variance if variance > 0 else float(error == 0)


_NUMERIC: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "mse": _negative_mse,
    "mae": _negative_mae,
    "cosine": _cosine,
    "r2": _r2,
}


def _scorer(name: str, is_classifier: bool) -> Callable[[np.ndarray, np.ndarray], float]:
    """scikit-learn's scorer of that name, for answers that are already there."""
    from sklearn.metrics import get_scorer

    scorer = get_scorer(name)

    def score(answers: np.ndarray, truth: np.ndarray) -> float:
        try:
            return float(scorer(_answering(answers.shape[-1], is_classifier), answers, truth))
        except (ValueError, TypeError, AttributeError) as error:
            raise DataError(
                f"scikit-learn cannot compute {name} of this model's answers.",
                received=str(error).strip().splitlines()[0][:300],
                next_step="choose a metric for " + ("classes" if is_classifier else "real numbers"),
            ) from error

    return score


def _answering(columns: int, is_classifier: bool) -> Any:
    """A fitted estimator of scikit-learn whose input is a model's output, which it answers with."""
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

    class Classifier(ClassifierMixin, BaseEstimator):
        def __init__(self) -> None:
            self.classes_ = np.arange(max(2, columns))

        def __sklearn_is_fitted__(self) -> bool:
            return True

        def predict(self, answers: np.ndarray) -> np.ndarray:
            return classes(answers)

        def predict_proba(self, answers: np.ndarray) -> np.ndarray:
            scores = np.asarray(answers, np.float64)
            return np.hstack([1 - scores, scores]) if columns == 1 else scores / scores.sum(1, keepdims=True)

    class Regressor(RegressorMixin, BaseEstimator):
        def __sklearn_is_fitted__(self) -> bool:
            return True

        def predict(self, answers: np.ndarray) -> np.ndarray:
            return answers[:, 0] if columns == 1 else answers

    return Classifier() if is_classifier else Regressor()
