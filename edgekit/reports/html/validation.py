"""Renders the result of ``edgekit validate`` as an HTML page."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgekit.counting import counted, percent
from edgekit.parity.layers.noise import LayerNoise
from edgekit.parity.results import ChangedExample, ClassificationParity, OutputParity, RegressionParity
from edgekit.parity.validation import Validation
from edgekit.reports.figures.page import (
    draw_confusion_change,
    draw_reliability,
    layer_noise_figures,
    reliability_caption,
)
from edgekit.reports.figures.regression import regression_figures
from edgekit.reports.html.changed_examples import MOST_BYTES, MOST_SAMPLES, as_data_url
from edgekit.reports.html.page import ChangedAnswer, Fact, Page, PageFigure, PageTable, Section, render
from edgekit.reports.validation_rows import (
    FIGURE_COLUMNS,
    RECALL_COLUMNS,
    RECALLS_TITLE,
    SLICES_TITLE,
    comparison_tables,
    figure_rows,
    recall_rows,
    slice_table,
    verdict_of,
    verdict_sentence,
)

_FOOTNOTE = "Both models predicted the same examples. Differences are between the two models; intervals are of 95 %."
_OF_CLASSES = (
    " The interval of a change of accuracy is Newcombe's for paired proportions; McNemar's exact test gives a p-value "
    "near 1 if nothing suggests a difference."
)
_OF_VALUES = " Errors are against the ground truth; their intervals come from a paired bootstrap of examples."


def validation_html(validations: Sequence[Validation], layers: Sequence[LayerNoise] = ()) -> str:
    """The whole page; equal results give equal bytes.

    Args:
        validations: One result for each compared .tflite.
        layers: Noise of each layer of the first .tflite, the worst first; empty if it was not requested.
    """
    sections = []
    for number, validation in enumerate(validations):
        for place, output in enumerate(validation.outputs):
            # The noise of the layers explains the figures of the first output, so it follows them.
            noise = layer_noise_figures(layers, "Noise of each layer", "layers") if number == place == 0 else ()
            sections.append(_section(validation, output, f"model-{number}-{place}", noise))
    outputs = [output for validation in validations for output in validation.outputs]
    footnote = _FOOTNOTE
    footnote += _OF_CLASSES if any(output.classification for output in outputs) else ""
    footnote += _OF_VALUES if any(output.regression for output in outputs) else ""
    compared = comparison_tables(validations) if len(validations) > 1 else ()
    tables = tuple(PageTable(columns, tuple(rows), title) for title, columns, rows in compared)
    return render(
        Page(
            "edgekit validate",
            verdict_of(validations),
            verdict_sentence(validations),
            tables,
            (),
            tuple(sections),
            footnote,
        )
    )


def _section(validation: Validation, output: OutputParity, name: str, noise: tuple[PageFigure, ...]) -> Section:
    several = f", output {output.name}" if len(validation.outputs) > 1 else ""
    classes = output.classification
    facts, figures, changed, count = _of_classes(classes, name) if classes else ((), (), (), 0)
    if output.regression is not None:
        facts, figures = _of_regression(output.regression, name)
    tables = [PageTable(FIGURE_COLUMNS, tuple(figure_rows(output)))]
    if output.slices:
        columns, rows = slice_table(output.slices)
        tables.append(PageTable(columns, tuple(rows), SLICES_TITLE))
    if classes:
        tables.append(PageTable(RECALL_COLUMNS, tuple(recall_rows(classes)), RECALLS_TITLE))
    return Section(
        name=f"{validation.candidate.name}{several}",
        subtitle=f"against {validation.reference.name}, {counted(validation.samples, 'example')} of {validation.data}",
        reference=validation.reference.name,
        facts=facts,
        tables=tuple(tables),
        figures=(*figures, *noise),
        changed=changed,
        changed_count=count,
    )


def _of_regression(regression: RegressionParity, name: str) -> tuple[tuple[Fact, ...], tuple[PageFigure, ...]]:
    named = (("mean absolute error", regression.mae), ("RMSE", regression.rmse), ("R²", regression.r2))
    facts = [Fact(each, f"{f.reference:.5g}", f"{f.candidate:.5g}") for each, f in named if f is not None]
    return tuple(facts), () if regression.sample is None else regression_figures(regression.sample, name)


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
            figures.append(PageFigure("Change of the confusion matrix", svg, caption, is_wide=True))
        bins = [
            [(b.samples, b.mean_confidence or 0.0, b.accuracy or 0.0) for b in each.bins if b.samples]
            for each in (before, after)
        ]
        svg = draw_reliability(bins[0], bins[1], f"{name}-reliability", names=("before", "after"))
        figures.append(PageFigure("Reliability", svg, reliability_caption(bins[1])))
    return tuple(facts), tuple(figures), _changed(classes.changed_samples[:MOST_SAMPLES]), classes.changed


def _changed(samples: Sequence[ChangedExample]) -> tuple[ChangedAnswer, ...]:
    room, predictions = MOST_BYTES, []
    for sample in samples:
        image = "" if sample.pixels is None else as_data_url(sample.pixels)
        room -= len(image)
        kind = "changed"
        if sample.truth in (sample.reference, sample.candidate):
            kind = "lost" if sample.truth == sample.reference else "won"
        predictions.append(
            ChangedAnswer(
                name=sample.name,
                truth=sample.truth or "",
                before=sample.reference,
                after=sample.candidate,
                kind=kind,
                image=image if room >= 0 else "",
            )
        )
    return tuple(predictions)
