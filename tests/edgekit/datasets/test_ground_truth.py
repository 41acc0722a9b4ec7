"""Labels in one form: whole, and batch by batch as functions give them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgekit.datasets.ground_truth import GroundTruthForm, as_ground_truth
from edgekit.datasets.opening import DataRequest, open_data
from edgekit_converters.lowering import ModelInput
from edgekit_runtime.errors import DataError

ROW = ModelInput("row", (-1, 3), "float32")
MASK = np.array([[[0, 255], [255, 0]]], np.uint8)

FORMS = {
    "text": (np.array(["dog", "cat"]), GroundTruthForm.NAMES, [1, 0]),
    "one-hot": (np.eye(3)[[2, 0]], GroundTruthForm.ONE_HOT, [2, 0]),
    "several at once": (np.array([[1, 1], [0, 1]]), GroundTruthForm.CLASSES, [[1, 1], [0, 1]]),
    "classes": (np.array([[3], [0]]), GroundTruthForm.CLASSES, [3, 0]),
    "whole floats": (np.array([3.0, 0.0]), GroundTruthForm.CLASSES, [3, 0]),
    "real numbers": (np.array([[0.5, 1.0]]), GroundTruthForm.VALUES, [[0.5, 1.0]]),
    "below zero": (np.array([-1, 2]), GroundTruthForm.VALUES, [-1.0, 2.0]),
    "black and white": (MASK, GroundTruthForm.BLACK_AND_WHITE, [[[0, 1], [1, 0]]]),
    "maps of one channel": (MASK[..., np.newaxis] // 127, GroundTruthForm.CLASSES, [[[0, 2], [2, 0]]]),
}


@pytest.mark.parametrize(("y", "form", "expected"), FORMS.values(), ids=list(FORMS))
def test_how_labels_are_given_and_what_they_become(
    y: np.ndarray, form: GroundTruthForm, expected: list[object]
) -> None:
    ground_truth = as_ground_truth("data", y, len(y))
    assert ground_truth.form is form
    assert ground_truth.values.tolist() == expected
    assert ground_truth.values.dtype == (np.float32 if form is GroundTruthForm.VALUES else np.int64)
    assert ground_truth.names == (("cat", "dog") if form is GroundTruthForm.NAMES else ())


def batches_of(*labels: list[object] | np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    random = np.random.default_rng(0)
    return [(random.normal(size=(len(y), 3)), np.asarray(y)) for y in labels]


def ground_truth_of(
    batches: list[tuple[np.ndarray, np.ndarray]], monkeypatch: pytest.MonkeyPatch, folder: Path
) -> np.ndarray:
    """The ground truth from a function that yields these batches, all in one batch."""
    name = f"labels_of_{folder.name}"
    (folder / f"{name}.py").write_text("batches = []\ndef give(): yield from batches\n")
    monkeypatch.chdir(folder)
    data = open_data(DataRequest(f"python:{name}:give"), [ROW])
    __import__(name).batches.extend(batches)
    (batch,) = data.everything.batches(100)
    assert batch.y is not None
    return batch.y


ONE_FORM = {
    "several labels, then one each": ([[1, 1], [0, 1]], [[1, 0], [0, 1]], [[1, 1], [0, 1], [1, 0], [0, 1]], "i8"),
    "real rows, then rows that look one-hot": ([[0.5, 1.0]], [[0.0, 1.0]], [[0.5, 1.0], [0.0, 1.0]], "f4"),
    "whole floats, then real numbers": ([1.0, 2.0], [0.5], [1.0, 2.0, 0.5], "f4"),
    "below zero, then above": ([-1, 2], [3], [-1, 2, 3], "f4"),
    "an empty mask, then a white one": (MASK * 0, MASK, [[[0, 0], [0, 0]], [[0, 1], [1, 0]]], "i8"),
    "a white mask, then an empty one": (MASK, MASK * 0, [[[0, 1], [1, 0]], [[0, 0], [0, 0]]], "i8"),
    "classes, then those that look black and white": (
        MASK // 127,
        MASK,
        [[[0, 2], [2, 0]], [[0, 255], [255, 0]]],
        "i8",
    ),
}


@pytest.mark.parametrize(("first", "second", "expected", "dtype"), ONE_FORM.values(), ids=list(ONE_FORM))
def test_the_first_batch_decides_the_form(
    first: object, second: object, expected: object, dtype: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    y = ground_truth_of(batches_of(first, second), monkeypatch, tmp_path)  # type: ignore[arg-type]
    assert y.tolist() == expected
    assert y.dtype == dtype


CHANGES = {
    "one class each, then several": ([[1, 0], [0, 1]], [[1, 1]], "one-hot classes", "class numbers"),
    "classes, then numbers below zero": ([1, 2], [-1], "class numbers", "real numbers"),
    "a white mask, then classes": (MASK, MASK // 127, "masks of 0 and 255", "class numbers"),
    "classes, then text": ([1, 2], ["cat"], "class numbers", "names of classes"),
}


@pytest.mark.parametrize(("first", "second", "expected", "received"), CHANGES.values(), ids=list(CHANGES))
def test_a_later_batch_of_another_form_is_a_sentence(
    first: object, second: object, expected: str, received: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match="change their form") as caught:
        ground_truth_of(batches_of(first, second), monkeypatch, tmp_path)  # type: ignore[arg-type]
    assert caught.value.expected.startswith(expected)
    assert caught.value.received.startswith(received)
    assert caught.value.next_step
