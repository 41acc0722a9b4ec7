"""The rows of an explanation's tables, for the terminal and the HTML page."""

from __future__ import annotations

from edgekit.counting import percent
from edgekit.reports.terminal.tables import milliseconds
from edgekit_runtime.profiling.explanation import Explanation
from edgekit_runtime.profiling.explanation_text import PLACES

NOT_ALONE = "not alone"


#: Headings of :func:`operator_rows`.
OPERATOR_COLUMNS = ("operator", "time", "share", "XNNPACK", "weights", "output")


def operator_rows(explanation: Explanation) -> list[tuple[str, ...]]:
    """One row per operator, the slowest first."""
    slowest = sorted(explanation.operators, key=lambda operator: (-(operator.ms or 0), operator.number))
    return [
        (
            f"{operator.name} {operator.dtype}",
            NOT_ALONE if operator.ms is None else milliseconds(operator.ms),
            "" if operator.share is None else percent(operator.share),
            PLACES[operator.in_xnnpack],
            operator.weights,
            operator.output,
        )
        for operator in slowest
    ]


def summary_rows(explanation: Explanation) -> list[tuple[str, str]]:
    """What was measured besides the operators."""
    before, after = explanation.before, explanation.after
    rows = [
        ("interpreter", explanation.interpreter),
        ("whole model", milliseconds(explanation.whole_ms)),
        ("operators alone", f"{milliseconds(explanation.parts_ms)} in all"),
        ("QUANTIZE, DEQUANTIZE", _conversions(explanation)),
        ("groups in XNNPACK", "not known" if explanation.partitions is None else str(explanation.partitions)),
        *((f"{each.num_threads} thread(s)", milliseconds(each.ms)) for each in explanation.threads),
    ]
    if before.clock_mhz is not None and after.clock_mhz is not None:
        lowest = min(
            each for each in (before.clock_mhz, after.clock_mhz, explanation.lowest_clock_mhz) if each is not None
        )
        rows.append(
            ("clock", f"{before.clock_mhz:,.0f} MHz before, {after.clock_mhz:,.0f} after, lowest {lowest:,.0f}")
        )
    if before.temperature_c is not None and after.temperature_c is not None:
        rows.append(("temperature", f"{before.temperature_c:.0f} °C before, {after.temperature_c:.0f} °C after"))
    if after.throttled_flags is not None:
        rows.append(("throttling", ", ".join(after.throttled_since(before)) or "none"))
    return rows


def cause_rows(explanation: Explanation) -> list[tuple[str, str]]:
    """Each cause with its remedy."""
    rows = [
        (str(number), f"{cause.sentence} {_sentence(cause.remedy)}")
        for number, cause in enumerate(explanation.causes, 1)
    ]
    return rows or [("none", "No kind of operator takes half of the time, and none is where it should not be.")]


def _conversions(explanation: Explanation) -> str:
    conversions = explanation.conversions
    if conversions.quantize + conversions.dequantize == 0:
        return "none"
    counts = f"{conversions.quantize} and {conversions.dequantize}"
    return f"{counts}: {milliseconds(conversions.ms)}, {percent(conversions.share)}"


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."
