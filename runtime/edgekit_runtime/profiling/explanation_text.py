"""Shows an explanation as plain text, for the command line of the device."""

from __future__ import annotations

from collections.abc import Iterator

from edgekit_runtime.printable_text import one_line
from edgekit_runtime.profiling.explanation import Cause, Explanation

SHOWN_OPERATORS = 15
PLACES = {True: "yes", False: "no", None: "?"}


def explanation_lines(explanation: Explanation) -> Iterator[str]:
    """The slowest operators, conversions, threads, clock and causes."""
    yield (
        f"{explanation.whole_ms:.3f} ms per prediction on {explanation.interpreter}, threads per operator:"
        f" {explanation.num_threads}; the operators alone add up to {explanation.parts_ms:.3f} ms"
    )
    yield f"{'ms':>9}  {'share':>6}  XNNPACK  operator, dtype, output"
    slowest = sorted(explanation.operators, key=lambda operator: -(operator.ms or 0))
    for operator in slowest[:SHOWN_OPERATORS]:
        ms = "not alone" if operator.ms is None else f"{operator.ms:.4f}"
        share = "" if operator.share is None else f"{100 * operator.share:.1f} %"
        what = f"{one_line(operator.name)} {operator.dtype} {one_line(operator.output)}"
        yield f"{ms:>9}  {share:>6}  {PLACES[operator.in_xnnpack]:<7}  {what}"
    rest = slowest[SHOWN_OPERATORS:]
    if rest:
        yield f"{sum(operator.ms or 0 for operator in rest):>9.4f}  in {len(rest)} more operators"
    conversions = explanation.conversions
    if conversions.quantize + conversions.dequantize:
        yield (
            f"{conversions.quantize} QUANTIZE and {conversions.dequantize} DEQUANTIZE:"
            f" {conversions.ms:.3f} ms, {100 * conversions.share:.1f} %"
        )
    if explanation.partitions is not None:
        yield f"groups of operators in XNNPACK: {explanation.partitions}"
    for each in explanation.threads:
        yield f"{each.num_threads} thread(s): {each.ms:.3f} ms"
    yield from _board(explanation)
    yield (
        "causes:"
        if explanation.causes
        else "no cause found: no operator takes half of the time, and all are where they should be"
    )
    for cause in explanation.causes:
        yield from _cause(cause)


def _board(explanation: Explanation) -> Iterator[str]:
    before, after = explanation.before, explanation.after
    if before.clock_mhz is not None and after.clock_mhz is not None:
        lowest = f", lowest {explanation.lowest_clock_mhz:,.0f}" if explanation.lowest_clock_mhz is not None else ""
        yield f"clock: {before.clock_mhz:,.0f} MHz before, {after.clock_mhz:,.0f} after{lowest}"
    limits = after.throttled_since(before)
    if after.throttled_flags is not None:
        yield f"throttling: {', '.join(limits) or 'none'}"


def _cause(cause: Cause) -> Iterator[str]:
    yield f"- {one_line(cause.sentence)}"
    yield f"  {one_line(cause.remedy)}"
