"""Prints the result of ``edgekit validate``: a table per output, and details that explain a drop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from edgekit.counting import counted
from edgekit.parity.layers.noise import LayerNoise
from edgekit.parity.results import ClassificationParity
from edgekit.parity.validation import Validation
from edgekit.reports.layer_noise import print_layers
from edgekit.reports.terminal.tables import print_table, print_verdict
from edgekit.reports.validation_rows import (
    FIGURE_COLUMNS,
    LISTED,
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


def validations_as_dict(validations: Sequence[Validation], noise: Sequence[LayerNoise]) -> dict[str, Any]:
    """Plain values of one validation, or of several in a list; the first contains the noise of its layers, if any."""
    results = [validation.to_dict() for validation in validations]
    if noise:
        results[0]["layers"] = [layer.to_dict() for layer in noise]
    return results[0] if len(results) == 1 else {"validations": results}


def print_validations(validations: Sequence[Validation], noise: Sequence[LayerNoise]) -> None:
    """Print each validation, the notes on the data, and the noise of the layers, if any."""
    for validation in validations:
        print_validation(validation)
    if len(validations) > 1:
        for title, columns, rows in comparison_tables(validations):
            print_table(title, columns, rows)
    for note in validations[0].notes:
        print(note)
    if verdict_of(validations):
        # A missed threshold is reported at the end, as an error.
        print_verdict(verdict_sentence(validations), passed=True)
    if noise:
        print_layers(noise)


def print_validation(validation: Validation) -> None:
    """Print the task and the figures of every output."""
    print(validation.task.describe())
    first, second = validation.reference.name, validation.candidate.name
    for output in validation.outputs:
        where = f", output {output.name}" if len(validation.outputs) > 1 else ""
        title = f"{second} against {first}, {counted(validation.samples, 'example')}{where}"
        print_table(title, FIGURE_COLUMNS, figure_rows(output))
        if output.classification is not None:
            _print_classes(output.classification)
        if output.slices:
            print_table(SLICES_TITLE, *slice_table(output.slices))


def _print_classes(classes: ClassificationParity) -> None:
    recalls = recall_rows(classes)
    if recalls:
        print_table(RECALLS_TITLE, RECALL_COLUMNS, recalls)
    rows = [
        (sample.name, sample.truth or "–", f"{sample.reference} {sample.reference_score:.3f}",
         f"{sample.candidate} {sample.candidate_score:.3f}")
        for sample in classes.changed_samples[:LISTED]
    ]  # fmt: skip
    if rows:
        more = f", {len(rows)} of {classes.changed:,}" if classes.changed > len(rows) else ""
        print_table(f"Examples whose prediction changed{more}", ("example", "is", "before", "after"), rows)
