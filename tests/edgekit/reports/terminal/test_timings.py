"""Ties of timings are said."""

from __future__ import annotations

import pytest

from edgekit.reports.terminal.timings import print_ties


@pytest.mark.parametrize(
    ("medians", "said"),
    [
        (
            [0.069, 0.068, 0.031, 0.029],
            "Timings cannot tell c and d apart: their medians are within 25 % of the fastest.\n",
        ),
        (
            [0.030, 0.031, 0.9, 0.037],
            "Timings cannot tell a; b and d apart: their medians are within 25 % of the fastest.\n",
        ),
        ([0.069, 0.068, 0.051, 0.029], ""),
        ([0.1], ""),
    ],
    ids=["two", "three", "none", "one model"],
)
def test_models_that_timing_cannot_tell_apart(
    medians: list[float], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    print_ties(list("abcd")[: len(medians)], medians)
    assert capsys.readouterr().out == said
