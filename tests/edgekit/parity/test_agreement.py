"""Figures of a comparison, worked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from edgekit.parity.agreement import compare
from edgekit.parity.options import Thresholds
from edgekit.parity.results import OutputParity
from edgekit.parity.tallies.output_tally import OutputTally
from edgekit.parity.validation import failures
from edgekit_runtime.errors import DataError
from edgekit_runtime.task import DATA, Kind

#: Four examples, three classes. Answers: 0, 1, 2, 0 and 0, 1, 1, 2.
REFERENCE = np.array([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.1, 0.1, 0.8], [0.6, 0.2, 0.2]], np.float32)
CANDIDATE = np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.1, 0.5, 0.4], [0.2, 0.2, 0.6]], np.float32)


def test_the_figures_of_a_classifier() -> None:
    figures = compare(REFERENCE, CANDIDATE, np.array([0, 1, 2, 2]))
    assert figures.samples == 4
    assert figures.reference_top1 == 0.75
    assert figures.candidate_top1 == 0.75
    assert figures.accuracy_drop == 0.0
    assert figures.top1_agreement == 0.5
    assert figures.max_absolute_difference == pytest.approx(0.4)
    # |differences| by row: 0.1 + 0.1, 0, 0.4 + 0.4, 0.4 + 0.4; their sum over 12 values.
    assert figures.mean_absolute_difference == pytest.approx(1.8 / 12)


def test_a_drop_is_a_fraction_of_all_examples() -> None:
    figures = compare(REFERENCE, CANDIDATE, np.array([0, 1, 2, 0]))
    assert (figures.reference_top1, figures.candidate_top1, figures.accuracy_drop) == (1.0, 0.5, 0.5)


def test_without_labels_there_is_agreement_only() -> None:
    figures = compare(REFERENCE, CANDIDATE)
    assert figures.reference_top1 is figures.candidate_top1 is figures.accuracy_drop is None
    assert figures.top1_agreement == 0.5


def test_one_output_in_0_to_1_is_a_probability() -> None:
    reference, candidate = np.array([[0.9], [0.2], [0.6]]), np.array([[0.8], [0.6], [0.4]])
    figures = compare(reference, candidate, np.array([1, 0, 1]))
    assert figures.reference_top1 == 1.0
    assert figures.candidate_top1 == pytest.approx(1 / 3)


def test_a_regression_has_errors_only() -> None:
    figures = compare(np.array([[10.0], [-3.0]]), np.array([[11.0], [-3.5]]), np.array([1, 0]), kind="values")
    assert figures.reference_top1 is None
    assert figures.top1_agreement is None
    assert figures.max_absolute_difference == 1.0
    assert figures.mean_absolute_difference == 0.75


def test_a_sequence_agrees_step_by_step() -> None:
    reference, candidate = np.zeros((2, 5, 3)), np.full((2, 5, 3), 0.25)
    candidate[0, 0, 2] = 0.5
    figures = compare(reference, candidate, kind="sequence")
    assert figures.top1_agreement == pytest.approx(9 / 10)
    assert compare(reference, candidate, kind="values").top1_agreement is None


def test_labels_beyond_the_outputs_are_refused() -> None:
    with pytest.raises(DataError, match="ground truth of the data is not compatible with the model") as caught:
        compare(REFERENCE, CANDIDATE, np.array([0, 1, 2, 3]))
    assert "classes from 0 to 2" in caught.value.expected
    assert "up to 3" in caught.value.received


def test_outputs_of_other_shapes_are_refused() -> None:
    with pytest.raises(DataError, match="different shapes"):
        compare(REFERENCE, CANDIDATE[:, :2])


@pytest.mark.parametrize(
    ("thresholds", "missed"),
    [
        (Thresholds(), 0),
        (Thresholds(max_drop=0.5), 0),
        (Thresholds(max_drop=0.49), 1),
        (Thresholds(min_agreement=0.5), 0),
        (Thresholds(min_agreement=0.51), 1),
        (Thresholds(max_drop=0.1, min_agreement=0.9), 2),
    ],
    ids=["none", "drop kept", "drop missed", "agreement kept", "agreement missed", "both missed"],
)
def test_thresholds(thresholds: Thresholds, missed: int) -> None:
    output = judged("classes", REFERENCE, CANDIDATE, np.array([0, 1, 2, 0]))
    assert len(failures([output], thresholds)) == missed


def test_a_threshold_without_its_figure_is_an_error() -> None:
    output = judged("values", np.array([[10.0], [12.0]]), np.array([[11.0], [12.0]]))
    with pytest.raises(DataError, match="--max-drop needs data with ground truth"):
        failures([output], Thresholds(max_drop=0.1))
    with pytest.raises(DataError, match="--min-agreement needs an output of classes"):
        failures([output], Thresholds(min_agreement=0.9))


def test_words_are_judged_and_a_state_beside_them_is_not() -> None:
    words = judged("classes", REFERENCE, REFERENCE, np.array([0, 1, 2, 0]))
    state = judged("state", REFERENCE, -REFERENCE)
    assert failures([words, state], Thresholds(max_drop=0.0, min_agreement=1.0)) == ()
    worse = judged("classes", REFERENCE, CANDIDATE, np.array([0, 1, 2, 0]))
    (missed,) = failures([worse, state], Thresholds(max_drop=0.1))
    assert missed == "output y: top-1 −50.00 points, allowed −10.00 points"


def judged(kind: str, reference: np.ndarray, candidate: np.ndarray, y: np.ndarray | None = None) -> OutputParity:
    tally = OutputTally("y", Kind(kind, DATA), (), 5, 0)
    tally.add((reference, candidate), y, tuple(str(row) for row in range(len(reference))))
    return tally.result()
