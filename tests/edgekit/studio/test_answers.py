"""What is shown of outputs of each kind, and what counts as a difference."""

from __future__ import annotations

import numpy as np
import pytest

from edgekit.studio.answers import _difference, described_output
from edgekit_runtime.task import CLASSES, LABELS, MASK, VALUES, Kind


def output(kind: Kind, values: list, labels: tuple[str, ...] = ()) -> dict:
    return described_output("y", kind, np.array([values], np.float32), labels)


def test_classes_are_ranked_with_their_labels() -> None:
    top = output(Kind(CLASSES, "file"), [0.25, 0.75], ("cat", "dog"))["top"]
    assert top == [{"label": "dog", "score": 0.75}, {"label": "cat", "score": 0.25}]


def test_a_single_score_is_the_second_of_two_classes() -> None:
    assert output(Kind(CLASSES, "file"), [0.75])["top"][0] == {"label": "1", "score": 0.75}
    logit = output(Kind(CLASSES, "file", is_logit=True), [-np.log(3)])["top"][0]
    assert (logit["label"], logit["score"]) == ("0", pytest.approx(0.75))


def test_values_that_json_does_not_have_are_null() -> None:
    assert output(Kind(VALUES, "file"), [1.5, float("nan"), float("inf")])["values"] == [1.5, None, None]


def test_a_mask_is_shown_by_the_share_of_each_class() -> None:
    mask = np.zeros((2, 2, 3), np.float32)
    mask[..., 1], mask[0, 0, 2] = 1, 2
    shares = output(Kind(MASK, "file"), mask.tolist(), ("road", "car", "sky"))["shares"]
    assert shares == [{"label": "car", "score": 0.75}, {"label": "sky", "score": 0.25}]


@pytest.mark.parametrize(
    ("kind", "before", "after", "sentence"),
    [
        (Kind(CLASSES, "file"), [0.6, 0.4], [0.51, 0.49], ""),
        (Kind(CLASSES, "file"), [0.6, 0.4], [0.4, 0.6], "dog instead of cat"),
        (Kind(CLASSES, "file"), [0.6], [0.4], "cat instead of dog"),
        (Kind(LABELS, "file"), [0.6, 0.6], [0.4, 0.6], "cat missing"),
        (Kind(LABELS, "file"), [0.1, 0.6], [0.7, 0.6], "cat added"),
        (Kind(VALUES, "file"), [100.0, 0.0], [100.9, 0.0], ""),
        (Kind(VALUES, "file"), [100.0, 0.0], [100.0, 1.5], "values differ by up to 1.5"),
        (Kind(VALUES, "file"), [1.0], [float("nan")], "values differ by up to nan"),
        (Kind(VALUES, "file"), [0.0], [0.0], ""),
    ],
    ids=str,
)
def test_differences(kind: Kind, before: list, after: list, sentence: str) -> None:
    arrays = [np.array([values], np.float32) for values in (before, after)]
    assert _difference(kind, *arrays, ("cat", "dog")) == sentence
