"""Prints the result of a budget: the path of the search, the candidates and the selected model."""

from __future__ import annotations

import re

from edgekit.budget.report import BudgetReport, Candidate, Step
from edgekit.counting import counted, percent
from edgekit.reports.terminal.tables import kilobytes, milliseconds, print_table
from edgekit.reports.terminal.timings import print_ties


def print_budget(report: BudgetReport) -> None:
    """Print the tables, and a sentence about the examples behind their numbers."""
    if report.steps:
        print_table(_title_of_steps(report), ("operator left in float", "noise", report.change, "size", "median"), [
            (_step_name(step, number), "" if step.noise is None else f"{step.noise:.1e}", report.figure(step.drop),
             kilobytes(step.size_bytes), milliseconds(step.p50_ms))
            for number, step in enumerate(report.steps)
        ])  # fmt: skip
    rows = [_row(report, place, candidate) for place, candidate in enumerate(report.candidates)]
    print_table(
        _title_of_candidates(report), ("model", report.change, "95 % interval", "budget", "size", "median"), rows
    )
    if report.prefer is not None:
        print_ties([each.label for each in report.candidates], [each.p50_ms for each in report.candidates])
    print(examples_sentence(report))


def examples_sentence(report: BudgetReport) -> str:
    """A sentence with the number of examples behind each figure, and the weight of one example."""
    parts = [f"Judged on {counted(report.held_back_examples, report.example)}"]
    if report.smallest_step is not None:
        parts[0] += f", each {percent(report.smallest_step)}"
    if report.calibration_examples and not report.is_cross_fitted:
        parts.append(f"calibrated on {counted(report.calibration_examples, 'other')}")
    if report.search_examples and report.is_cross_fitted:
        parts.append(f"searched on the same ({counted(report.evaluations, 'recipe')})")
    elif report.search_examples:
        parts.append(f"searched on {report.search_examples} more ({counted(report.evaluations, 'model')})")
    sentence = "; ".join(parts) + "."
    if not report.is_confirmed:
        sentence += (
            f" The {report.example}s had a part in the search, too: on new ones the drop may be larger. "
            "More data would leave some untouched."
        )
    return sentence


#: Parts of tensor names that name a step inside a layer, not the layer.
_INSIDE_LAYERS = re.compile(r"(batchnorm|convolution|depthwise|moments|dropout)(_\d+)?")


def short_name(operator: str) -> str:
    """The layer name in a tensor name: ``model_1/dense_1/MatMul;model_1/dense_1/BiasAdd`` gives ``dense_1``.

    The converter gives the outputs of a model names without meaning, which become ``(output)``.
    A folded normalization ends its name with a step inside the layer: ``model_1/block_1_BN/batchnorm/add_1`` gives
    ``block_1_BN``.
    """
    if operator.startswith("StatefulPartitionedCall"):
        return "(output)"
    places = operator.split(";", maxsplit=1)[0].split("/")
    layers = [place for place in places[:-1] if not _INSIDE_LAYERS.fullmatch(place)]
    return layers[-1] if layers else places[0]


def _step_name(step: Step, number: int) -> str:
    if number == 0:
        return "none: plain int8"
    if step.added:
        return f"{step.kind} {short_name(step.added)}"
    if step.float_operators:
        return f"{step.float_operators} operators"
    repaired = "repaired" if step.is_repaired else ""
    rule = "" if step.range_rule == "minmax" else f"{step.range_rule} ranges"
    return f"none: {', '.join(filter(None, (repaired, rule)))}"


def _title_of_steps(report: BudgetReport) -> str:
    examples = counted(report.search_examples, "example")
    return f"int8, one more operator in float per row; {report.change} of {report.metric} on {examples}"


def _title_of_candidates(report: BudgetReport) -> str:
    title = f"{report.metric} against {report.against}: {report.figure(report.max_drop)} at most"
    if report.prefer is None:
        return title
    selected = f"the fastest on {report.timed_on}" if report.prefer.value == "speed" else "the smallest"
    return f"{title}; {selected} is selected"


def _row(report: BudgetReport, place: int, candidate: Candidate) -> tuple[str, ...]:
    interval = candidate.interval
    return (
        candidate.label + (" (selected)" if report.met and place == report.chosen else ""),
        report.figure(candidate.drop),
        "" if interval is None else report.span(interval),
        candidate.verdict.value,
        kilobytes(candidate.size_bytes),
        milliseconds(candidate.p50_ms),
    )
