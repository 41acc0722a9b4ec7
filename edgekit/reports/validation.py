"""What ``edgekit validate`` prints: a table for each output, and what lies behind a drop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from edgekit.counting import counted
from edgekit.parity.layers.noise import LayerNoise
from edgekit.parity.paired_statistics import Interval
from edgekit.parity.results import (
    ClassificationParity,
    LabelledFigures,
    MetricParity,
    OutputParity,
    RegressionFigure,
    SliceParity,
)
from edgekit.parity.validation import Validation
from edgekit.reports.layer_noise import print_layers
from edgekit.reports.tables import metric_words, percent, print_table

#: Rows of the tables of classes, slices and examples.
_LISTED = 10


def validations_as_dict(validations: Sequence[Validation], noise: Sequence[LayerNoise]) -> dict[str, Any]:
    """One validation as plain values, or several in a list; the first has the noise of its layers, if there is any."""
    results = [validation.to_dict() for validation in validations]
    if noise:
        results[0]["layers"] = [layer.to_dict() for layer in noise]
    return results[0] if len(results) == 1 else {"validations": results}


def print_validations(validations: Sequence[Validation], noise: Sequence[LayerNoise]) -> None:
    """Print each validation, the notes on their data, and the noise of the layers, if there is any."""
    for validation in validations:
        print_validation(validation)
    for note in validations[0].notes:
        print(note)
    if noise:
        print_layers(noise)


def print_validation(validation: Validation) -> None:
    """Print what the outputs are taken for, and the figures of every one of them."""
    print(validation.task.describe())
    first, second = validation.reference.name, validation.candidate.name
    for output in validation.outputs:
        where = f", output {output.name}" if len(validation.outputs) > 1 else ""
        title = f"{second} against {first}, {counted(validation.samples, 'example')}{where}"
        rows = [*_class_rows(output), *_regression_rows(output), *_metric_rows(output), *_error_rows(output)]
        print_table(title, ("figure", "before", "after", "change"), rows)
        if output.classification is not None:
            _print_classes(output.classification)
        if output.slices:
            print_table(
                "Slices, the worst first", _SLICE_COLUMNS, [_slice_row(each) for each in output.slices[:_LISTED]]
            )


def _class_rows(output: OutputParity) -> list[tuple[str, str, str, str]]:
    classes = output.classification
    if classes is None:
        return []
    rows = [] if classes.labelled is None else _labelled_rows(classes.labelled)
    agreement = f"{percent(classes.top1_agreement)} {_span(classes.agreement_interval)}"
    return [*rows, ("same answer", "", agreement, f"{classes.changed:,} differ")]


def _labelled_rows(figures: LabelledFigures) -> list[tuple[str, str, str, str]]:
    drop = f"{_points(-figures.accuracy_drop)} {_span(_negated(figures.drop_interval))}"
    rows = [("top-1", percent(figures.reference_top1), percent(figures.candidate_top1), drop)]
    if figures.reference_topk is not None and figures.candidate_topk is not None:
        change = _points(figures.candidate_topk - figures.reference_topk)
        rows.append((f"top-{figures.top_k}", percent(figures.reference_topk), percent(figures.candidate_topk), change))
    counts = figures.counts
    p_value = f"McNemar p = {figures.mcnemar_p:.3g}"
    rows.append(("correct only in one model", f"{counts.only_reference:,}", f"{counts.only_candidate:,}", p_value))
    first, second = figures.reference_calibration.expected_error, figures.candidate_calibration.expected_error
    rows.append(("expected calibration error", percent(first), percent(second), _points(second - first)))
    return rows


def _regression_rows(output: OutputParity) -> list[tuple[str, str, str, str]]:
    figures = output.regression
    if figures is None:
        return []
    rows = [_regression_row("mean absolute error", figures.mae), _regression_row("RMSE", figures.rmse)]
    return rows if figures.r2 is None else [*rows, _regression_row("R²", figures.r2, sign=-1)]


def _regression_row(name: str, figure: RegressionFigure, sign: int = 1) -> tuple[str, str, str, str]:
    change = f"{sign * figure.worsening:+.3g}"
    if figure.interval is not None:
        low, high = sorted((sign * figure.interval.low, sign * figure.interval.high))
        change += f" ({low:+.3g} to {high:+.3g})"
    return name, f"{figure.reference:.5g}", f"{figure.candidate:.5g}", change


def _metric_rows(output: OutputParity) -> list[tuple[str, str, str, str]]:
    rows = []
    for metric in output.metrics:
        before, after = (_score(value, metric) for value in (metric.reference, metric.candidate))
        change = ""
        if metric.reference is not None and metric.drop is not None:
            change = _points(-metric.drop) + (f" {_span(_negated(metric.interval))}" if metric.interval else "")
            change += "" if metric.p_value is None else f", p = {metric.p_value:.3g}"
        rows.append((metric_words(metric.name), before, after, change))
    return rows


def _score(value: float | None, metric: MetricParity) -> str:
    if value is None:
        return ""
    return f"{value:.1f} dB" if metric.drop is None else percent(value)


def _error_rows(output: OutputParity) -> list[tuple[str, str, str, str]]:
    errors = output.errors
    rows = [
        ("max absolute difference", "", "", f"{errors.max_absolute_error:.2e}"),
        ("mean absolute difference", "", "", f"{errors.mean_absolute_error:.2e}"),
        ("99 % of differences within", "", "", f"{errors.quantiles['0.99']:.2e}"),
        ("signal to noise", "", "", "no noise" if errors.snr_db is None else f"{errors.snr_db:.1f} dB"),
    ]
    if errors.cosine_similarity is not None:
        rows.append(("cosine similarity", "", "", f"{errors.cosine_similarity:.6f}"))
    return rows


def _print_classes(classes: ClassificationParity) -> None:
    if classes.labelled is not None:
        changed = [recall for recall in classes.labelled.recalls if recall.change]
        changed.sort(key=lambda recall: (recall.change or 0.0, recall.label))
        recalls = [
            (recall.label, f"{recall.samples:,}", percent(recall.reference), percent(recall.candidate),
             _points(recall.change or 0.0))
            for recall in changed[:_LISTED]
        ]  # fmt: skip
        if recalls:
            columns = ("class", "examples", "before", "after", "change")
            print_table("Recall of the classes that changed", columns, recalls)
    rows = [
        (sample.name, sample.truth or "–", f"{sample.reference} {sample.reference_score:.3f}",
         f"{sample.candidate} {sample.candidate_score:.3f}")
        for sample in classes.changed_samples[:_LISTED]
    ]  # fmt: skip
    if rows:
        more = f", {len(rows)} of {classes.changed:,}" if classes.changed > len(rows) else ""
        print_table(f"Examples that changed their answer{more}", ("example", "is", "before", "after"), rows)


_SLICE_COLUMNS = ("slice", "examples", "before", "after", "change", "same answer", "mean difference")


def _slice_row(each: SliceParity) -> tuple[str, ...]:
    counts, interval = each.counts, each.drop_interval
    change = "–"
    if each.accuracy_drop is not None and interval is not None:
        change = f"{_points(-each.accuracy_drop)} {_span(_negated(interval))}"
    return (
        each.name,
        f"{each.samples:,}",
        percent(counts.reference_accuracy if counts else None),
        percent(counts.candidate_accuracy if counts else None),
        change,
        percent(each.top1_agreement),
        f"{each.mean_absolute_error:.2e}",
    )


def _points(fraction: float) -> str:
    """A change in percentage points; never a negative zero."""
    return f"{round(100 * fraction, 2) + 0.0:+.2f}"


def _negated(interval: Interval) -> Interval:
    """The interval of a change from that of a drop."""
    return Interval(-interval.high, -interval.low, interval.confidence)


def _span(interval: Interval) -> str:
    return f"({100 * interval.low:.2f} to {100 * interval.high:.2f})"
