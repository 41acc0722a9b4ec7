"""The result of ``edgekit check`` as one HTML file that needs no network and runs no script."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources

import numpy as np

from edgekit import __version__
from edgekit.regression.answers import ClassAnswers
from edgekit.regression.baseline import ModelRecord
from edgekit.regression.results import CheckResult, ModelCheck
from edgekit.reports.changed_samples import ChangedAnswer, changed_answers
from edgekit.reports.check_figures import (
    Point,
    draw_against_latency,
    draw_against_size,
    draw_confusion_change,
    draw_reliability,
)
from edgekit.reports.check_table import verdict_sentence
from edgekit.reports.tables import kilobytes, percent


@dataclass(frozen=True, slots=True)
class _Figure:
    """A figure with its caption.

    Attributes:
        title: What it shows, a few words.
        svg: The ``<svg>`` element.
        caption: How to read it.
    """

    title: str
    svg: str
    caption: str


@dataclass(frozen=True, slots=True)
class _Section:
    """One model's part of the page.

    Attributes:
        check: The judgement.
        figures: Its figures.
        facts: Names of figures, before and now.
        changed: Samples whose answer changed.
        changed_count: How many there are in all.
    """

    check: ModelCheck
    figures: tuple[_Figure, ...]
    facts: tuple[tuple[str, str, str], ...]
    changed: tuple[ChangedAnswer, ...]
    changed_count: int


def check_html(result: CheckResult) -> str:
    """The whole page; equal results give equal bytes."""
    from jinja2 import Environment, select_autoescape
    from markupsafe import Markup

    environment = Environment(
        autoescape=select_autoescape(default_for_string=True), trim_blocks=True, lstrip_blocks=True
    )
    template = environment.from_string(
        resources.files("edgekit.reports").joinpath("check.html.j2").read_text(encoding="utf-8")
    )
    page: str = template.render(
        result=result,
        sentence=verdict_sentence(result),
        tradeoffs=_tradeoffs(result),
        sections=[_section(check, number) for number, check in enumerate(result.models)],
        version=__version__,
        safe=Markup,
    )
    # A name may hold what no encoding does.
    return page.encode(errors="replace").decode()


def _tradeoffs(result: CheckResult) -> tuple[_Figure, ...]:
    models = []
    for check in result.models:
        before = _point(check.baseline)
        if before is not None:
            after = None if check.measurement is None else _point(check.measurement.record)
            models.append((check.name, before, after))
    figures = []
    if models:
        svg = draw_against_size(models, "against-size")
        figures.append(_Figure("Accuracy against size", svg, "Up and to the left is better."))
    timed = [(name, before, after) for name, before, after in models if before.latency_ratio is not None]
    if timed:
        svg = draw_against_latency(timed, "against-latency")
        caption = "Both timed in turn with the reference model, in one run each."
        figures.append(_Figure("Accuracy against latency", svg, caption))
    return tuple(figures)


def _point(record: ModelRecord) -> Point | None:
    if record.top1 is None:
        return None
    return Point(record.size_bytes, record.top1, None if record.latency is None else record.latency.ratio)


def _section(check: ModelCheck, number: int) -> _Section:
    record = None if check.measurement is None else check.measurement.record
    facts = [
        ("top-1", percent(check.baseline.top1), percent(record.top1) if record else "–"),
        ("size", kilobytes(check.baseline.size_bytes), kilobytes(record.size_bytes) if record else "–"),
        ("latency", _latency(check.baseline), _latency(record)),
    ]
    figures, changed, count = _of_classes(check, f"model-{number}")
    return _Section(check, figures, tuple(fact for fact in facts if fact[1] != "–"), changed, count)


def _of_classes(check: ModelCheck, name: str) -> tuple[tuple[_Figure, ...], tuple[ChangedAnswer, ...], int]:
    """Figures and changed samples of a classifier; none of any other model."""
    before = check.baseline_answers
    if check.measurement is None or not isinstance(before, ClassAnswers):
        return (), (), 0
    after = check.measurement.answers
    if not isinstance(after, ClassAnswers) or before.classes != after.classes:
        return (), (), 0
    labels = (*check.baseline.labels, *map(str, range(len(check.baseline.labels), after.classes)))
    figures = []
    changed_count = int(np.count_nonzero(before.predicted != after.predicted))
    if after.labels is not None and changed_count:
        svg = draw_confusion_change(_confusion(before), _confusion(after), labels, f"{name}-confusion")
        caption = "Samples more or fewer than the baseline's. Blue is for the better, red for the worse."
        figures.append(_Figure("Change of the confusion matrix", svg, caption))
    bins = check.baseline.reliability, check.measurement.record.reliability
    if bins[0] and bins[1]:
        svg = draw_reliability(bins[0], bins[1], f"{name}-reliability")
        caption = "On the dashed line, confidence is as good as it says; below it, the model is too sure."
        figures.append(_Figure("Reliability", svg, caption))
    changed = changed_answers(check.measurement.stream, before, after, labels)
    return tuple(figures), changed, changed_count


def _confusion(answers: ClassAnswers) -> np.ndarray:
    from sklearn.metrics import confusion_matrix

    return np.asarray(confusion_matrix(answers.labels, answers.predicted, labels=range(answers.classes)))


def _latency(record: ModelRecord | None) -> str:
    return "–" if record is None or record.latency is None else f"{record.latency.ratio:.3f} × reference"
