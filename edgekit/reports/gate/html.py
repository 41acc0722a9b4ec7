"""Renders the result of ``edgekit check`` as an HTML page."""

from __future__ import annotations

import numpy as np

from edgekit.counting import counted, percent
from edgekit.regression.baseline.stored import ModelRecord
from edgekit.regression.predictions import ClassPredictions
from edgekit.regression.results import CheckResult, ModelCheck
from edgekit.reports.figures.page import (
    Point,
    draw_against_latency,
    draw_against_size,
    draw_confusion_change,
    draw_reliability,
    layer_noise_figures,
    reliability_caption,
)
from edgekit.reports.gate.table import verdict_sentence
from edgekit.reports.html.changed_examples import changed_predictions
from edgekit.reports.html.page import ChangedAnswer, Fact, Page, PageFigure, PageTable, Section, render
from edgekit.reports.terminal.tables import kilobytes

_FOOTNOTE = (
    "Accuracy fails on a drop that is larger than allowed and no chance (McNemar's exact test on the same samples); "
    "latency is the ratio to a reference model timed in turn with the candidate."
)


def check_html(result: CheckResult) -> str:
    """The whole page; equal results give equal bytes."""
    return render(
        Page(
            "edgekit check",
            result.passed,
            verdict_sentence(result),
            (),
            _tradeoffs(result),
            tuple(_section(check, number) for number, check in enumerate(result.models)),
            _FOOTNOTE,
        )
    )


def _tradeoffs(result: CheckResult) -> tuple[PageFigure, ...]:
    models = []
    for check in result.models:
        before = _point(check.baseline)
        if before is not None:
            after = None if check.measurement is None else _point(check.measurement.record, passed=check.passed)
            models.append((check.name, before, after))
    figures = []
    if models:
        svg = draw_against_size(models, "against-size")
        figures.append(PageFigure("Accuracy against size", svg, "Up and to the left is better."))
    timed = [(name, before, after) for name, before, after in models if before.latency_ratio is not None]
    if timed:
        svg = draw_against_latency(timed, "against-latency")
        caption = "Both timed in turn with the reference model, in one run each."
        figures.append(PageFigure("Accuracy against latency", svg, caption))
    return tuple(figures)


def _point(record: ModelRecord, *, passed: bool = True) -> Point | None:
    if record.top1 is None:
        return None
    return Point(record.size_bytes, record.top1, None if record.latency is None else record.latency.ratio, passed)


def _section(check: ModelCheck, number: int) -> Section:
    record = None if check.measurement is None else check.measurement.record
    facts = [
        Fact("top-1", percent(check.baseline.top1), percent(record.top1) if record else "–"),
        Fact("mean absolute error", _error(check.baseline), _error(record)),
        Fact("size", kilobytes(check.baseline.size_bytes), kilobytes(record.size_bytes) if record else "–"),
        Fact("latency", _latency(check.baseline), _latency(record)),
    ]
    figures, changed, count = _of_classes(check, f"model-{number}")
    return Section(
        name=check.name,
        subtitle=f"{check.path.name}, judged on {counted(check.baseline.samples, 'sample')} of {check.baseline.data}",
        reference="baseline",
        facts=tuple(fact for fact in facts if fact.before != "–"),
        tables=(
            PageTable(
                ("rule", "verdict", "measured", "allowed", "why"),
                tuple((rule.rule, rule.verdict.value, rule.measured, rule.allowed, rule.why) for rule in check.rules),
            ),
        ),
        figures=(*figures, *layer_noise_figures(check.layers, "Noise of each layer", f"model-{number}-layers")),
        changed=changed,
        changed_count=count,
    )


def _of_classes(check: ModelCheck, name: str) -> tuple[tuple[PageFigure, ...], tuple[ChangedAnswer, ...], int]:
    """Figures and changed examples of a classifier; empty for any other model."""
    before = check.baseline_predictions
    if check.measurement is None or not isinstance(before, ClassPredictions):
        return (), (), 0
    after = check.measurement.predictions
    if not isinstance(after, ClassPredictions) or before.classes != after.classes:
        return (), (), 0
    labels = (*check.baseline.labels, *map(str, range(len(check.baseline.labels), after.classes)))
    changed_count = int(np.count_nonzero(before.predicted != after.predicted))
    figures = []
    if after.true_classes is not None and changed_count:
        svg = draw_confusion_change(_confusion(before), _confusion(after), labels, f"{name}-confusion")
        caption = "Samples more or fewer than the baseline's. Blue is for the better, red for the worse."
        figures.append(PageFigure("Change of the confusion matrix", svg, caption, is_wide=True))
    bins = check.baseline.reliability, check.measurement.record.reliability
    if bins[0] and bins[1]:
        svg = draw_reliability(bins[0], bins[1], f"{name}-reliability")
        figures.append(PageFigure("Reliability", svg, reliability_caption(bins[1])))
    changed = changed_predictions(check.measurement.stream, before, after, labels)
    return tuple(figures), changed, changed_count


def _confusion(predictions: ClassPredictions) -> np.ndarray:
    from sklearn.metrics import confusion_matrix

    return np.asarray(
        confusion_matrix(predictions.true_classes, predictions.predicted, labels=range(predictions.classes))
    )


def _error(record: ModelRecord | None) -> str:
    return "–" if record is None or record.mean_absolute_error is None else f"{record.mean_absolute_error:.4g}"


def _latency(record: ModelRecord | None) -> str:
    return "–" if record is None or record.latency is None else f"{record.latency.ratio:.3f} × reference"
