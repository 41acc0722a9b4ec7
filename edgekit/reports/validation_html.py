"""The result of ``edgekit validate`` as a page."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgekit.counting import counted
from edgekit.parity.layers.noise import LayerNoise
from edgekit.parity.results import ChangedSample, ClassificationParity, LabelledFigures, OutputParity
from edgekit.parity.validation import Validation
from edgekit.reports.changed_samples import MOST_BYTES, MOST_SAMPLES, as_picture
from edgekit.reports.figures.page import draw_confusion_change, draw_reliability, layer_noise_figures
from edgekit.reports.html_page import ChangedAnswer, Fact, Page, PageFigure, Section, render
from edgekit.reports.tables import percent

_FOOTNOTE = (
    "Both models answered the same examples. The interval of the drop is Newcombe's for paired proportions, the "
    "p-value that of McNemar's exact test: near 1, nothing speaks for a difference."
)


def validation_html(validations: Sequence[Validation], layers: Sequence[LayerNoise] = ()) -> str:
    """The whole page; equal results give equal bytes.

    Args:
        validations: One for each .tflite that was compared.
        layers: Noise of each layer of the first, worst first; empty where it was not asked for.
    """
    failures = [
        f"{validation.candidate.name}: {failure}" for validation in validations for failure in validation.failures
    ]
    sections = []
    for number, validation in enumerate(validations):
        for place, output in enumerate(validation.outputs):
            sections.append(_section(validation, output, f"model-{number}-{place}"))
    figures = layer_noise_figures(layers, f"Noise of each layer of {validations[0].candidate.name}", "layers")
    sentence = "; ".join(failures) + "." if failures else "No threshold is missed."
    return render(Page("edgekit validate", not failures, sentence, figures, tuple(sections), _FOOTNOTE))


def _section(validation: Validation, output: OutputParity, name: str) -> Section:
    several = f", output {output.name}" if len(validation.outputs) > 1 else ""
    classes = output.classification
    rows = [
        ("largest difference between the models", f"{output.errors.max_absolute_error:.3g}"),
        ("mean difference between the models", f"{output.errors.mean_absolute_error:.3g}"),
    ]
    if output.errors.snr_db is not None:
        rows.append(("signal-to-noise ratio", f"{output.errors.snr_db:.1f} dB"))
    facts, figures, changed, count = _of_classes(classes, name) if classes else ((), (), (), 0)
    if classes:
        rows.insert(0, ("same answer", percent(classes.top1_agreement)))
        rows += _labelled_rows(classes.labelled) if classes.labelled else []
    rows = [*_regression_rows(output), *_metric_rows(output), *rows]
    return Section(
        name=f"{validation.candidate.name}{several}",
        subtitle=f"against {validation.reference.name}, {counted(validation.samples, 'example')} of {validation.data}",
        reference=validation.reference.name,
        facts=facts,
        columns=("figure", "value"),
        rows=tuple(rows),
        figures=figures,
        changed=changed,
        changed_count=count,
    )


def _regression_rows(output: OutputParity) -> list[tuple[str, str]]:
    figures = output.regression
    if figures is None:
        return []
    named = [("mean absolute error", figures.mae), ("RMSE", figures.rmse), ("R²", figures.r2)]
    return [
        (f"{name} against the targets", f"{figure.reference:.5g} → {figure.candidate:.5g}")
        for name, figure in named
        if figure is not None
    ]


def _metric_rows(output: OutputParity) -> list[tuple[str, str]]:
    rows = []
    for metric in output.metrics:
        show = percent if metric.drop is not None else "{:.1f} dB".format
        scores = (
            show(metric.candidate)
            if metric.reference is None
            else f"{show(metric.reference)} → {show(metric.candidate)}"
        )
        rows.append((f"{metric.name.replace('_', ' ')} against {metric.against}", scores))
    return rows


def _labelled_rows(labelled: LabelledFigures) -> list[tuple[str, str]]:
    interval, counts = labelled.drop_interval, labelled.counts
    drop = f"{100 * labelled.accuracy_drop:.2f} points (95 %: {100 * interval.low:.2f} to {100 * interval.high:.2f})"
    return [
        ("drop of top-1", drop),
        ("only the reference is right", counted(counts.only_reference, "example")),
        ("only the candidate is right", counted(counts.only_candidate, "example")),
        ("McNemar's p-value", f"{labelled.mcnemar_p:.3g}"),
    ]


def _of_classes(
    classes: ClassificationParity, name: str
) -> tuple[tuple[Fact, ...], tuple[PageFigure, ...], tuple[ChangedAnswer, ...], int]:
    labelled, facts, figures = classes.labelled, [], []
    if labelled is not None:
        before, after = labelled.reference_calibration, labelled.candidate_calibration
        facts = [
            Fact("top-1", percent(labelled.reference_top1), percent(labelled.candidate_top1)),
            Fact("calibration error", percent(before.expected_error), percent(after.expected_error)),
        ]
        if classes.changed and labelled.reference_confusion and labelled.candidate_confusion:
            matrices = np.array(labelled.reference_confusion), np.array(labelled.candidate_confusion)
            svg = draw_confusion_change(*matrices, classes.labels, f"{name}-confusion")
            caption = "Samples more or fewer than the reference's. Blue is for the better, red for the worse."
            figures.append(PageFigure("Change of the confusion matrix", svg, caption))
        bins = [
            [(b.samples, b.mean_confidence or 0.0, b.accuracy or 0.0) for b in each.bins if b.samples]
            for each in (before, after)
        ]
        svg = draw_reliability(bins[0], bins[1], f"{name}-reliability", before="reference")
        caption = "On the dashed line, confidence is as good as it says; below it, the model is too sure."
        figures.append(PageFigure("Reliability", svg, caption))
    return tuple(facts), tuple(figures), _changed(classes.changed_samples[:MOST_SAMPLES]), classes.changed


def _changed(samples: Sequence[ChangedSample]) -> tuple[ChangedAnswer, ...]:
    room, answers = MOST_BYTES, []
    for sample in samples:
        picture = "" if sample.pixels is None else as_picture(sample.pixels)
        room -= len(picture)
        kind = "changed"
        if sample.truth in (sample.reference, sample.candidate):
            kind = "lost" if sample.truth == sample.reference else "won"
        answers.append(
            ChangedAnswer(
                name=sample.name,
                truth=sample.truth or "",
                before=sample.reference,
                after=sample.candidate,
                kind=kind,
                picture=picture if room >= 0 else "",
            )
        )
    return tuple(answers)
