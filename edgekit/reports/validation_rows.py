"""Formats the results of a comparison as rows of text, for both the terminal and the HTML page."""

from __future__ import annotations

from collections.abc import Sequence

from edgekit.counting import counted, percent, points, points_between
from edgekit.parity.options import Thresholds
from edgekit.parity.paired_statistics import Interval
from edgekit.parity.results import (
    ClassificationParity,
    ClassRecall,
    LabelledFigures,
    MetricParity,
    OutputParity,
    RegressionFigure,
    SliceParity,
)
from edgekit.parity.tallies.metric_tally import LABELLED
from edgekit.parity.validation import Validation
from edgekit.reports.terminal.tables import kilobytes, metric_words, milliseconds
from edgekit_runtime.task import STATE

FIGURE_COLUMNS = ("figure", "before", "after", "change")
RECALL_COLUMNS = ("class", "examples", "before", "after", "change")
RECALLS_TITLE = "Recall of the classes that changed"
SLICES_TITLE = "Slices, the worst first"
#: Maximum number of rows in the tables of classes, slices and examples.
LISTED = 10
_UNKNOWN = "–"
_AGREEMENT = "agreement"


def verdict_of(validations: Sequence[Validation]) -> bool | None:
    """Whether every candidate meets the thresholds; None if there are no thresholds."""
    if validations[0].thresholds == Thresholds():
        return None
    return not any(validation.failures for validation in validations)


def verdict_sentence(validations: Sequence[Validation]) -> str:
    """One sentence about the thresholds that are missed, or else about those that are met."""
    failures = [f"{each.candidate.name}: {failure}" for each in validations for failure in each.failures]
    if failures:
        return f"Failed: {'; '.join(failures)}."
    limits = validations[0].thresholds
    given = []
    if limits.max_drop is not None:
        given.append(f"a drop of at most {limits.max_drop:g}")
    if limits.min_agreement is not None:
        given.append(f"agreement of at least {100 * limits.min_agreement:g} %")
    return f"Passed: {' and '.join(given)}." if given else "No threshold was given."


def figure_rows(output: OutputParity) -> list[tuple[str, str, str, str]]:
    """One row per figure; errors are relative to the ground truth, and differences are between the models."""
    return [*_class_rows(output), *_regression_rows(output), *_metric_rows(output), *_difference_rows(output)]


def recall_rows(classes: ClassificationParity) -> list[tuple[str, ...]]:
    """One row per class whose recall changed, the largest loss first, at most ten."""
    recalls = classes.labelled.recalls if classes.labelled else ()
    changed = sorted((each for each in recalls if each.change), key=lambda each: (each.change or 0.0, each.label))
    return [_recall_row(recall) for recall in changed[:LISTED]]


def slice_table(slices: Sequence[SliceParity]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """The columns for which these slices have values, and one row per slice, at most ten."""
    columns = (
        "slice", "examples", "top-1 before", "top-1 after", "change", _AGREEMENT,
        "MAE before", "MAE after", "change of MAE", "RMSE before", "RMSE after", "mean difference",
    )  # fmt: skip
    rows = [_slice_row(each) for each in slices[:LISTED]]
    used = [place for place in range(len(columns)) if any(row[place] != _UNKNOWN for row in rows)]
    return tuple(columns[place] for place in used), [tuple(row[place] for place in used) for row in rows]


def comparison_tables(validations: Sequence[Validation]) -> list[tuple[str, tuple[str, ...], list[tuple[str, ...]]]]:
    """Compare candidates side by side: a title, columns and one row per candidate, for each output except states."""
    first = validations[0]
    judged = [place for place, output in enumerate(first.outputs) if output.kind != STATE]
    tables = []
    for place in judged:
        name, before, *_ = _headline(first.outputs[place])
        several = f", output {first.outputs[place].name}" if len(judged) > 1 else ""
        verdict = ("verdict",) if first.thresholds != Thresholds() else ()
        columns = ("model", *verdict, name, "change", _AGREEMENT, "signal to noise", "size", "median latency here")
        rows = [_candidate_row(validation, place, has_verdict=bool(verdict)) for validation in validations]
        if before:
            size = kilobytes(first.reference.stat().st_size) if first.reference.is_file() else ""
            rows.insert(0, (first.reference.name, *([""] * len(verdict)), before, "", "", "", size, ""))
        used = [column for column in range(len(columns)) if any(row[column] for row in rows)]
        picked = [tuple(row[column] for column in used) for row in rows]
        title = f"Side by side, {counted(first.samples, 'example')}{several}"
        tables.append((title, tuple(columns[column] for column in used), picked))
    return tables


def _candidate_row(validation: Validation, place: int, *, has_verdict: bool) -> tuple[str, ...]:
    output = validation.outputs[place]
    name, _, after, change = _headline(output)
    verdict = ("failed" if validation.failures else "passed",) if has_verdict else ()
    noise = "no noise" if output.errors.snr_db is None else f"{output.errors.snr_db:.1f} dB"
    same = "" if output.classification is None or name == _AGREEMENT else percent(output.classification.top1_agreement)
    latency = "" if validation.p50_ms is None else milliseconds(validation.p50_ms)
    size = kilobytes(validation.size_bytes)
    return validation.candidate.name, *verdict, after, change, same, noise, size, latency


def _headline(output: OutputParity) -> tuple[str, str, str, str]:
    """The figure that an output is judged by, which is in its first row."""
    return figure_rows(output)[0]


def _class_rows(output: OutputParity) -> list[tuple[str, str, str, str]]:
    classes = output.classification
    if classes is None:
        return []
    rows = [] if classes.labelled is None else _labelled_rows(classes.labelled)
    interval = classes.agreement_interval
    agreement = f"{percent(classes.top1_agreement)} ({100 * interval.low:.2f} to {100 * interval.high:.2f})"
    return [*rows, (_AGREEMENT, "", agreement, f"{classes.changed:,} differ")]


def _labelled_rows(figures: LabelledFigures) -> list[tuple[str, str, str, str]]:
    change = _change(figures.accuracy_drop, figures.drop_interval)
    rows = [("top-1", percent(figures.reference_top1), percent(figures.candidate_top1), change)]
    if figures.reference_topk is not None and figures.candidate_topk is not None:
        change = points(figures.candidate_topk - figures.reference_topk)
        rows.append((f"top-{figures.top_k}", percent(figures.reference_topk), percent(figures.candidate_topk), change))
    counts = figures.counts
    p_value = f"McNemar p = {figures.mcnemar_p:.3g}"
    rows.append(("correct only in one model", f"{counts.only_reference:,}", f"{counts.only_candidate:,}", p_value))
    first, second = figures.reference_calibration.expected_error, figures.candidate_calibration.expected_error
    rows.append(("expected calibration error", percent(first), percent(second), points(second - first)))
    return rows


def _regression_rows(output: OutputParity) -> list[tuple[str, str, str, str]]:
    figures = output.regression
    if figures is None:
        return []
    rows = [
        _regression_row("mean absolute error against the ground truth", figures.mae),
        _regression_row("RMSE against the ground truth", figures.rmse),
    ]
    return rows if figures.r2 is None else [*rows, _regression_row("R² against the ground truth", figures.r2, sign=-1)]


def _regression_row(name: str, figure: RegressionFigure, sign: int = 1) -> tuple[str, str, str, str]:
    return name, f"{figure.reference:.5g}", f"{figure.candidate:.5g}", regression_change(figure, sign)


def regression_change(figure: RegressionFigure, sign: int = 1) -> str:
    """The change of an error, or of a score if ``sign`` is -1, with its 95 % interval."""
    change = _signed(sign * figure.worsening)
    if figure.interval is None:
        return change
    low, high = sorted((sign * figure.interval.low, sign * figure.interval.high))
    return f"{change} ({_signed(low)} to {_signed(high)})"


def _signed(value: float) -> str:
    return ("−" if value < 0 else "+") + f"{abs(value):.3g}"


def _metric_rows(output: OutputParity) -> list[tuple[str, str, str, str]]:
    rows = []
    for metric in output.metrics:
        before, after = (_score(value, metric) for value in (metric.reference, metric.candidate))
        change = ""
        if metric.reference is not None and metric.drop is not None:
            change = _change(metric.drop, metric.interval)
            change += "" if metric.p_value is None else f", p = {metric.p_value:.3g}"
        name = metric_words(metric.name)
        rows.append((name if metric.against == LABELLED else f"{name} against {metric.against}", before, after, change))
    return rows


def _score(value: float | None, metric: MetricParity) -> str:
    if value is None:
        return ""
    return f"{value:.1f} dB" if metric.drop is None else percent(value)


def _difference_rows(output: OutputParity) -> list[tuple[str, str, str, str]]:
    errors = output.errors
    rows = [
        ("max absolute difference", "", "", f"{errors.max_absolute_difference:.2e}"),
        ("mean absolute difference", "", "", f"{errors.mean_absolute_difference:.2e}"),
        ("99 % of differences within", "", "", f"{errors.quantiles['0.99']:.2e}"),
        ("signal to noise", "", "", "no noise" if errors.snr_db is None else f"{errors.snr_db:.1f} dB"),
    ]
    if errors.cosine_similarity is not None:
        rows.append(("cosine similarity", "", "", f"{errors.cosine_similarity:.6f}"))
    return rows


def _recall_row(recall: ClassRecall) -> tuple[str, ...]:
    change = points(recall.change or 0.0)
    return recall.label, f"{recall.samples:,}", percent(recall.reference), percent(recall.candidate), change


def _slice_row(each: SliceParity) -> tuple[str, ...]:
    counts, interval = each.counts, each.drop_interval
    is_judged = each.accuracy_drop is not None or each.mae is not None
    return (
        each.name,
        f"{each.samples:,}",
        percent(counts.reference_accuracy if counts else None),
        percent(counts.candidate_accuracy if counts else None),
        _UNKNOWN if each.accuracy_drop is None else _change(each.accuracy_drop, interval),
        percent(each.top1_agreement),
        *([_UNKNOWN] * 3 if each.mae is None else _numbers(each.mae, change=True)),
        *([_UNKNOWN] * 2 if each.rmse is None else _numbers(each.rmse, change=False)),
        # A comparison with the ground truth is more informative than the difference between the models.
        _UNKNOWN if is_judged else f"{each.mean_absolute_difference:.2e}",
    )


def _numbers(figure: RegressionFigure, *, change: bool) -> list[str]:
    numbers = [f"{figure.reference:.4g}", f"{figure.candidate:.4g}"]
    return [*numbers, regression_change(figure)] if change else numbers


def _change(drop: float, interval: Interval | None) -> str:
    """The change in points that corresponds to a drop, with its 95 % interval."""
    if interval is None:
        return points(-drop)
    return f"{points(-drop)} ({points_between(-interval.high, -interval.low)})"
