"""Prints which timings are too close to distinguish."""

from __future__ import annotations

from collections.abc import Sequence

from edgekit.budget.choice import EQUALLY_FAST, equally_fast


def print_ties(names: Sequence[str], medians_ms: Sequence[float]) -> None:
    """Print which models are about as fast as the fastest one, if there are any.

    Args:
        names: Names of the models.
        medians_ms: Median latency of each, in milliseconds.
    """
    tied = [names[index] for index in equally_fast(medians_ms)]
    if len(tied) > 1:
        # A label may have a comma of its own.
        listed, margin = f"{'; '.join(tied[:-1])} and {tied[-1]}", f"{100 * (EQUALLY_FAST - 1):.0f} %"
        print(f"Timings cannot tell {listed} apart: their medians are within {margin} of the fastest.")
