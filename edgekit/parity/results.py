"""What a comparison of two models found, whole enough to draw every figure from it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from edgekit.parity.paired_statistics import Interval, PairedCounts


@dataclass(frozen=True, slots=True)
class NumericErrors:
    """How far the values of one output lie apart.

    Attributes:
        samples: Examples compared.
        values: Values compared, all examples together.
        max_absolute_difference: The largest difference.
        mean_absolute_difference: The mean difference.
        root_mean_square_difference: Root of the mean squared difference.
        cosine_similarity: Of all values as two long vectors, -1 to 1; None if one is all zeros.
        snr_db: ``10 log10(Σ reference² / Σ difference²)``; None without any difference, or any signal.
        quantiles: Absolute error that a share of all values stays within, by that share, such as "0.99"; exact to 1 %.
        worst: Names of the examples with the largest error, and that error, the largest first.
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
    """Answers of about the same confidence.

    Attributes:
        low: Confidence from here, exclusive; the first bin includes 0.
        high: To here, inclusive.
        samples: Answers in the bin.
        mean_confidence: Their mean confidence; None in an empty bin.
        accuracy: Share of them that is right; None in an empty bin.
    """

    low: float
    high: float
    samples: int
    mean_confidence: float | None
    accuracy: float | None


@dataclass(frozen=True, slots=True)
class Calibration:
    """How far a model's confidence can be believed.

    Attributes:
        expected_error: Mean over all answers of ``|confidence - accuracy|`` of their bin (expected calibration error).
        bins: The reliability diagram, from low to high confidence.
    """

    expected_error: float
    bins: tuple[ReliabilityBin, ...]


@dataclass(frozen=True, slots=True)
class ClassRecall:
    """One class.

    Attributes:
        label: Its name.
        samples: Examples of it.
        reference: Share of these that the reference finds; None without any.
        candidate: Share of these that the candidate finds; None without any.
        change: ``candidate - reference``; None without any.
    """

    label: str
    samples: int
    reference: float | None
    candidate: float | None
    change: float | None


@dataclass(frozen=True, slots=True)
class ChangedSample:
    """An example that the two models answer differently.

    Attributes:
        name: Its file, or its number.
        truth: The right label; None without labels.
        reference: The reference's answer.
        candidate: The candidate's answer.
        reference_score: The reference's score for its own answer.
        candidate_score: The candidate's score for its own answer.
        pixels: The image, uint8 (H, W, 1 or 3); None if the model takes none.
    """

    name: str
    truth: str | None
    reference: str
    candidate: str
    reference_score: float
    candidate_score: float
    pixels: np.ndarray | None = field(default=None, compare=False, repr=False)

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain values, without the image."""
        return {name: getattr(self, name) for name in self.__slots__ if name != "pixels"}


@dataclass(frozen=True, slots=True)
class LabelledFigures:
    """What labels tell of two classifiers.

    Attributes:
        counts: How often each was right where the other was, or was not.
        reference_top1: Share of right answers of the reference.
        candidate_top1: The same of the candidate.
        accuracy_drop: ``reference_top1 - candidate_top1``, an absolute fraction.
        drop_interval: Its 95 % interval.
        mcnemar_p: p-value of the exact McNemar test, two-sided: 1 where nothing speaks for a difference.
        top_k: The k of the next two.
        reference_topk: Share of examples with the right class among the k highest scores; None for few classes.
        candidate_topk: The same of the candidate.
        reference_calibration: How far the reference's confidence can be believed.
        candidate_calibration: The same of the candidate.
        recalls: Each class.
        reference_confusion: Rows are the right classes, columns the answers; None with more than 100 classes.
        candidate_confusion: The same of the candidate.
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
    reference_calibration: Calibration
    candidate_calibration: Calibration
    recalls: tuple[ClassRecall, ...]
    reference_confusion: tuple[tuple[int, ...], ...] | None
    candidate_confusion: tuple[tuple[int, ...], ...] | None


@dataclass(frozen=True, slots=True)
class ClassificationParity:
    """Two classifiers' answers to the same examples.

    Attributes:
        samples: Predictions compared, one per example.
        labels: Names of the classes.
        top1_agreement: Share of equal answers.
        agreement_interval: Its 95 % interval (Wilson).
        changed: Number of answers that differ.
        changed_samples: Up to 100 of these: losses first, then those that the reference was surest of.
        labelled: What labels tell; None without labels.
    """

    samples: int
    labels: tuple[str, ...]
    top1_agreement: float
    agreement_interval: Interval
    changed: int
    changed_samples: tuple[ChangedSample, ...]
    labelled: LabelledFigures | None

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain values."""
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
    """One figure of both models, and how it changed.

    Attributes:
        reference: The reference's.
        candidate: The candidate's.
        worsening: By how much the candidate's is worse: larger for an error, smaller for R².
        interval: 95 % interval of that, from a paired bootstrap; None if there is none.
    """

    reference: float
    candidate: float
    worsening: float
    interval: Interval | None


@dataclass(frozen=True, slots=True)
class RegressionSample:
    """Some values with their targets, for a figure.

    Attributes:
        targets: The right values, float64 (N,).
        reference: The reference's, same shape.
        candidate: The candidate's, same shape.
    """

    targets: np.ndarray
    reference: np.ndarray
    candidate: np.ndarray


@dataclass(frozen=True, slots=True)
class RegressionParity:
    """Two models of real values, against real targets.

    Attributes:
        samples: Examples compared.
        mae: Mean absolute error against the targets.
        rmse: Root mean squared error against the targets.
        r2: Share of the targets' variance that is explained, averaged over the output's values as scikit-learn does;
            None if the targets of a value are all equal.
        sample: Some of the values, drawn at random.
    """

    samples: int
    mae: RegressionFigure
    rmse: RegressionFigure
    r2: RegressionFigure | None
    sample: RegressionSample | None = field(default=None, compare=False, repr=False)

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain values, without the sample."""
        figures = {name: getattr(self, name) for name in ("mae", "rmse", "r2")}
        return {"samples": self.samples} | {name: figure and asdict(figure) for name, figure in figures.items()}


@dataclass(frozen=True, slots=True)
class SliceParity:
    """One slice of the data.

    Attributes:
        name: What the data calls it.
        samples: Examples in it.
        mean_absolute_difference: Mean difference of the two models' values.
        top1_agreement: Share of equal answers; None if the outputs are no classes.
        counts: How often each was right; None without labels.
        accuracy_drop: Drop of top-1 in this slice; None without labels.
        drop_interval: Its 95 % interval; None without labels.
        mae: Mean absolute error in this slice; None without real targets.
        rmse: Root mean squared error in this slice; None without real targets.
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
    """One metric of both models, whose unit is the example.

    Attributes:
        name: Name of the metric.
        against: What predictions are scored against: labels, or the reference's own predictions.
        reference: The reference's score; None if it is scored against itself.
        candidate: The candidate's score.
        drop: ``reference - candidate`` for shares of 1, else None.
        interval: The 95 % interval of the drop, from a bootstrap of examples; None without a drop.
        p_value: Of the two-sided permutation test by example; None without labels.
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
    """One output of both models.

    Attributes:
        name: Its name in the reference.
        kind: What it is, see ``edgekit_runtime.task``.
        errors: How far the values lie apart.
        classification: For scores of classes, else None.
        regression: For values with real targets, else None.
        metrics: Of a kind that has many parts per example; empty for the others.
        slices: Each slice of the data, the worst first; empty if it was not sliced.
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
        """The drop that ``--max-drop`` is about, in shares of 1; None without labels that it could be of."""
        if self.classification is not None:
            return self.classification.labelled.accuracy_drop if self.classification.labelled else None
        if self.regression is not None:
            return self.regression.r2.worsening if self.regression.r2 else None
        judged = [metric.drop for metric in self.metrics if metric.reference is not None]
        return judged[0] if judged else None

    @property
    def agreement(self) -> float | None:
        """The share of equal classes or labels; None for other kinds."""
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
            facts.append(("top-1 agreement", f"{self.classification.top1_agreement:.2%}"))
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
        """The fields as plain values."""
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
    span = "" if drop is None else f", 95 % interval {_points(-drop.high)} to {_points(-drop.low)}"
    return f"{before:.2%} → {after:.2%} ({_points(after - before)} points{span})"


def _points(fraction: float) -> str:
    """A change in percentage points; never a negative zero."""
    return f"{round(100 * fraction, 2) + 0.0:+.2f}"
