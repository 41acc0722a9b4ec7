"""The last sentence of a calibrated conversion."""

from __future__ import annotations

from edgekit.conversion.scores import OutputScore
from edgekit.parity.metrics import FLOAT_PREDICTIONS, LABELLED, PairedScore


def test_a_score_says_what_it_is_against_unless_it_is_labels() -> None:
    score = PairedScore(1.0, 0.997, 0.003, None, None)
    unlabelled = OutputScore("y", "r2", FLOAT_PREDICTIONS, 5, score, is_share=False)
    assert unlabelled.describe().startswith("r2 against the float model's predictions 1 → 0.997 on 5 held-back")
    labelled = OutputScore("y", "r2", LABELLED, 5, score, is_share=False)
    assert labelled.describe().startswith("r2 1 → 0.997 on 5 held-back examples")
