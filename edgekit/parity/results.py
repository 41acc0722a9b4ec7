"""Results of a comparison of two models, with everything that reports and figures need."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from edgekit.counting import percent, points, points_between
from edgekit.parity.paired_statistics import Interval, PairedCounts


@dataclass(frozen=True, slots=True)
class NumericErrors:
    """Differences between the values of one output of both models.

    Attributes:
        samples: Number of examples.
        values: Number of values in all examples together.
        max_absolute_difference: Largest absolute difference.
        mean_absolute_difference: Mean absolute difference.
        root_mean_square_difference: Root of the mean squared difference.
        cosine_similarity: Cosine of all values as two vectors, -1 to 1; None if one is all zeros.
        snr_db: ``10 log10(Σ reference² / Σ difference²)``; None if there is no difference or no signal.
        quantiles: Absolute difference that a share of all values does not exceed, by share, such as "0.99"; within 1 %.
        worst: Names of the examples with the largest difference, and that difference, largest first.
    """

    samples: int
    values: int
    max_absolute_difference: float
    mean_absolute_difference: float
    root_mean_square_difference: float
    cosine_similarity: float | None
    snr_db: float | None
    quantiles: dict[str, float]
    worst: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """Predictions of similar confidence.

    Attributes:
        low: Lower bound of the confidence, exclusive; the first bin includes 0.
        high: Upper bound, inclusive.
        samples: Number of predictions in the bin.
        mean_confidence: Mean confidence; None if the bin is empty.
        accuracy: Share of correct predictions; None if the bin is empty.
    """

    low: float
    high: float
    samples: int
    mean_confidence: float | None
    accuracy: float | None


@dataclass(frozen=True, slots=True)
class Reliability:
    """Reliability of a model's confidence.

    Attributes:
        expected_error: Expected calibration error: mean of ``|confidence - accuracy|`` of the bins, weighted by size.
        bins: Bins of the reliability diagram, from low to high confidence.
    """

    expected_error: float
    bins: tuple[ReliabilityBin, ...]


@dataclass(frozen=True, slots=True)
class ClassRecall:
    """Recall of one class.

    Attributes:
        label: Class name.
        samples: Number of examples of the class.
        reference: Recall of the reference; None without examples.
        candidate: Recall of the candidate; None without examples.
        change: ``candidate - reference``; None without examples.
    """

    label: str
    samples: int
    reference: float | None
    candidate: float | None
    change: float | None


@dataclass(frozen=True, slots=True)
class ChangedExample:
    """An example for which the two models predict different classes.

    Attributes:
        name: File name or number of the example.
        truth: Label of the true class; None without ground truth.
        reference: Label predicted by the reference.
        candidate: Label predicted by the candidate.
        reference_score: Score of the reference for its prediction.
        candidate_score: Score of the candidate for its prediction.
        pixels: Image, uint8 (H, W, 1 or 3); None if the model has no image input.
    """

    name: str
    truth: str | None
    reference: str
    candidate: str
    reference_score: float
    candidate_score: float
    pixels: np.ndarray | None = field(default=None, compare=False, repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Plain values of the fields, without the image."""
        return {name: getattr(self, name) for name in self.__slots__ if name != "pixels"}


@dataclass(frozen=True, slots=True)
class LabelledFigures:
    """Comparison of two classifiers with ground truth.

    Attributes:
        counts: 2 × 2 table of correct and wrong predictions.
        reference_top1: Top-1 accuracy of the reference, a fraction.
        candidate_top1: Top-1 accuracy of the candidate.
        accuracy_drop: ``reference_top1 - candidate_top1``, an absolute fraction.
        drop_interval: 95 % interval of the drop.
        mcnemar_p: p-value of the exact two-sided McNemar test; 1 if there is no evidence of a difference.
        top_k: The k of top-k accuracy.
        reference_topk: Top-k accuracy of the reference, a fraction; None for few classes.
        candidate_topk: Top-k accuracy of the candidate.
        reference_calibration: Reliability of the reference's confidence.
        candidate_calibration: Reliability of the candidate's confidence.
        recalls: Recall of each class.
        reference_confusion: Confusion matrix; rows are true classes, columns predictions; None for more than 100
            classes.
        candidate_confusion: The same for the candidate.
    """

    counts: PairedCounts
    reference_top1: float
    candidate_top1: float
    accuracy_drop: float
    drop_interval: Interval
    mcnemar_p: float
    top_k: int
    reference_topk: float | None
    candidate_topk: float | None
    reference_calibration: Reliability
    candidate_calibration: Reliability
    recalls: tuple[ClassRecall, ...]
    reference_confusion: tuple[tuple[int, ...], ...] | None
    candidate_confusion: tuple[tuple[int, ...], ...] | None


@dataclass(frozen=True, slots=True)
class ClassificationParity:
    """Comparison of two classifiers on the same examples.

    Attributes:
        samples: Number of examples.
        labels: Class names.
        top1_agreement: Share of equal predictions.
        agreement_interval: 95 % interval of the agreement (Wilson).
        changed: Number of different predictions.
        changed_samples: Up to 100 of these examples: losses first, then by the reference's confidence.
        labelled: Comparison with ground truth; None without.
    """

    samples: int
    labels: tuple[str, ...]
    top1_agreement: float
    agreement_interval: Interval
    changed: int
    changed_samples: tuple[ChangedExample, ...]
    labelled: LabelledFigures | None

    def to_dict(self) -> dict[str, Any]:
        """Plain values of the fields."""
        return {
            "samples": self.samples,
            "labels": list(self.labels),
            "top1_agreement": self.top1_agreement,
            "agreement_interval": self.agreement_interval.to_dict(),
            "changed": self.changed,
            "changed_samples": [sample.to_dict() for sample in self.changed_samples],
            "labelled": None if self.labelled is None else asdict(self.labelled),
        }


@dataclass(frozen=True, slots=True)
class RegressionFigure:
    """One figure of both models, and its change.

    Attributes:
        reference: Value of the reference.
        candidate: Value of the candidate.
        worsening: By how much the candidate is worse: larger for an error, smaller for R².
        interval: 95 % interval of the worsening, from a paired bootstrap; None if not available.
    """

    reference: float
    candidate: float
    worsening: float
    interval: Interval | None


@dataclass(frozen=True, slots=True)
class RegressionSample:
    """Some values with their ground truth, for a figure.

    Attributes:
        ground_truth: True values, float64 (N,).
        reference: Values of the reference, same shape.
        candidate: Values of the candidate, same shape.
    """

    ground_truth: np.ndarray
    reference: np.ndarray
    candidate: np.ndarray


@dataclass(frozen=True, slots=True)
class RegressionParity:
    """Comparison of two regression models with ground truth.

    Attributes:
        samples: Number of examples.
        mae: Mean absolute error.
        rmse: Root mean squared error.
        r2: Coefficient of determination, averaged over the output's values as scikit-learn does; None if the ground
            truth of a value is constant.
        sample: Some of the values, drawn at random.
    """

    samples: int
    mae: RegressionFigure
    rmse: RegressionFigure
    r2: RegressionFigure | None
    sample: RegressionSample | None = field(default=None, compare=False, repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Plain values of the fields, without the sample."""
        figures = {name: getattr(self, name) for name in ("mae", "rmse", "r2")}
        return {"samples": self.samples} | {name: figure and asdict(figure) for name, figure in figures.items()}


@dataclass(frozen=True, slots=True)
class SliceParity:
    """Comparison on one slice of the data.

    Attributes:
        name: Name of the slice in the data.
        samples: Number of examples in the slice.
        mean_absolute_difference: Mean absolute difference between the two models' values.
        top1_agreement: Share of equal predictions; None if the output is not classes.
        counts: 2 × 2 table of correct and wrong predictions; None without ground truth.
        accuracy_drop: Drop of top-1 accuracy; None without ground truth.
        drop_interval: 95 % interval of the drop; None without ground truth.
        mae: Mean absolute error; None if the output is not values with ground truth.
        rmse: Root mean squared error; None if the output is not values with ground truth.
    """

    name: str
    samples: int
    mean_absolute_difference: float
    top1_agreement: float | None
    counts: PairedCounts | None
    accuracy_drop: float | None
    drop_interval: Interval | None
    mae: RegressionFigure | None = None
    rmse: RegressionFigure | None = None


@dataclass(frozen=True, slots=True)
class MetricParity:
    """One metric of both models; its unit is the example.

    Attributes:
        name: Metric name.
        against: What predictions are scored against: ground truth, or the reference's predictions.
        reference: Score of the reference; None if it would be scored against itself.
        candidate: Score of the candidate.
        drop: ``reference - candidate`` if scores are fractions, otherwise None.
        interval: 95 % interval of the drop, from a bootstrap over examples; None without a drop.
        p_value: p-value of the two-sided permutation test over examples; None without ground truth.
    """

    name: str
    against: str
    reference: float | None
    candidate: float
    drop: float | None
    interval: Interval | None
    p_value: float | None


@dataclass(frozen=True, slots=True)
class OutputParity:
    """Comparison of one output of both models.

    Attributes:
        name: Output name in the reference.
        kind: Kind of the output, see ``edgekit_runtime.task``.
        errors: Differences between the values.
        classification: Result for scores of classes, otherwise None.
        regression: Result for values with ground truth, otherwise None.
        metrics: Results for kinds with many parts per example; empty for other kinds.
        slices: Results for each slice of the data, worst first; empty without slices.
    """

    name: str
    kind: str
    errors: NumericErrors
    classification: ClassificationParity | None
    regression: RegressionParity | None
    metrics: tuple[MetricParity, ...]
    slices: tuple[SliceParity, ...]

    @property
    def accuracy_drop(self) -> float | None:
        """The drop that ``--max-drop`` limits, a fraction; None without ground truth."""
        if self.classification is not None:
            return self.classification.labelled.accuracy_drop if self.classification.labelled else None
        if self.regression is not None:
            return self.regression.r2.worsening if self.regression.r2 else None
        judged = [metric.drop for metric in self.metrics if metric.reference is not None]
        return judged[0] if judged else None

    @property
    def agreement(self) -> float | None:
        """Share of equal classes or labels; None for other kinds."""
        if self.classification is not None:
            return self.classification.top1_agreement
        return next((metric.candidate for metric in self.metrics if metric.name == "agreement"), None)

    def facts(self) -> list[tuple[str, str]]:
        """The main figures in words: both models' score with the change, agreement, the largest difference."""
        facts = []
        if self.classification is not None:
            labelled = self.classification.labelled
            if labelled is not None:
                facts.append(
                    ("top-1", _change(labelled.reference_top1, labelled.candidate_top1, labelled.drop_interval))
                )
            facts.append(("top-1 agreement", percent(self.classification.top1_agreement)))
        if self.regression is not None:
            for name, figure in (("MAE", self.regression.mae), ("RMSE", self.regression.rmse)):
                facts.append((name, f"{figure.reference:.4g} → {figure.candidate:.4g}"))
        facts += [
            (metric.name, _change(metric.reference, metric.candidate, metric.interval))
            for metric in self.metrics
            if metric.reference is not None and metric.candidate is not None and metric.drop is not None
        ]
        return [*facts, ("max absolute difference", f"{self.errors.max_absolute_difference:.2e}")]

    def to_dict(self) -> dict[str, Any]:
        """Plain values of the fields."""
        return {
            "name": self.name,
            "kind": self.kind,
            "errors": asdict(self.errors),
            "classification": self.classification.to_dict() if self.classification else None,
            "regression": self.regression.to_dict() if self.regression else None,
            "metrics": [asdict(metric) for metric in self.metrics],
            "slices": [asdict(each) for each in self.slices],
        }


def _change(before: float, after: float, drop: Interval | None) -> str:
    """Two shares of 1, with the change in percentage points and the interval of the drop."""
    span = "" if drop is None else f", 95 % interval {points_between(-drop.high, -drop.low)}"
    return f"{percent(before)} → {percent(after)} ({points(after - before)}{span})"
