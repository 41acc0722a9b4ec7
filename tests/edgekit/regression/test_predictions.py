"""Answers stored in a baseline: exact, small, and checked when they are read."""

from __future__ import annotations

import base64
import json
import zlib

import numpy as np
import pytest

from edgekit.regression.predictions import (
    ClassPredictions,
    NamedPredictions,
    PredictionErrors,
    RawOutputs,
    true_classes_of,
    unpack_predictions,
)
from edgekit_runtime.errors import EdgekitError


@pytest.mark.parametrize("classes", [2, 10, 256, 257, 1001])
@pytest.mark.parametrize("labelled", [True, False], ids=["labelled", "unlabelled"])
def test_predictions_come_back_as_they_were(classes: int, labelled: bool) -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, classes, 500) if labelled else None
    predictions = ClassPredictions(rng.integers(0, classes, 500), classes, labels)
    packed = json.loads(json.dumps(predictions.pack()))
    back = unpack_predictions(packed, labels, 500, "a test")
    assert back.predicted.tolist() == predictions.predicted.tolist()
    assert back.classes == classes
    assert back.top1 == predictions.top1


def test_ten_thousand_good_predictions_take_less_than_a_kilobyte() -> None:
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 10, 10_000)
    predicted = np.where(rng.random(10_000) < 0.99, labels, (labels + 1) % 10)
    assert len(json.dumps(ClassPredictions(predicted, 10, labels).pack())) < 1000


LABELS = np.zeros(4, np.int64)
GOOD = ClassPredictions(np.zeros(4, np.int64), 10, LABELS).pack()


@pytest.mark.parametrize(
    ("changes", "labels"),
    [
        pytest.param({"values": "%%%"}, LABELS, id="no-base64"),
        pytest.param({"values": base64.b64encode(b"no zlib").decode()}, LABELS, id="no-zlib"),
        pytest.param({"values": base64.b64encode(zlib.compress(bytes(3))).decode()}, LABELS, id="too-few"),
        pytest.param({"values": base64.b64encode(zlib.compress(bytes(10**7))).decode()}, LABELS, id="a-bomb"),
        pytest.param({"classes": 0}, LABELS, id="no-classes"),
        pytest.param({"classes": None}, LABELS, id="classes-of-no-number"),
        pytest.param({"samples": 5}, LABELS, id="another-count"),
        pytest.param({"samples": 10**400}, LABELS, id="a-count-beyond-sense"),
        pytest.param({"classes": 10**400}, LABELS, id="classes-beyond-sense"),
        pytest.param({"classes": float("inf")}, LABELS, id="infinite-classes"),
        pytest.param({"kind": []}, LABELS, id="kind-of-no-text"),
        pytest.param({"kind": "errors", "scale": 1e300}, LABELS, id="errors-of-another-width"),
        pytest.param({}, LABELS[:3], id="fewer-labels"),
        pytest.param({}, None, id="no-labels"),
        pytest.param({"values": base64.b64encode(zlib.compress(bytes([10, 0, 0, 0]))).decode()}, LABELS, id="no-class"),
    ],
)
def test_damaged_predictions_are_a_sentence(changes: dict, labels: np.ndarray | None) -> None:
    with pytest.raises(EdgekitError, match="predictions stored in a test are damaged"):
        unpack_predictions({**GOOD, **changes}, labels, 4, "a test")


@pytest.mark.parametrize("scale", [float("nan"), float("inf"), 10**400, None, [], "x"], ids=str)
def test_a_scale_that_is_no_finite_number_is_damage(scale: object) -> None:
    packed = {**RawOutputs(np.ones(4)).pack(), "scale": scale}
    with pytest.raises(EdgekitError, match="predictions stored in a test are damaged"):
        unpack_predictions(packed, None, 4, "a test")


@pytest.mark.parametrize("kind", [PredictionErrors, RawOutputs])
def test_numbers_come_back_with_three_digits(kind: type) -> None:
    values = np.abs(np.random.default_rng(2).normal(0, 1e6, 300))
    predictions = kind(values if kind is PredictionErrors else values - 1e6)
    back = unpack_predictions(json.loads(json.dumps(predictions.pack())), None, 300, "a test")
    assert type(back) is kind
    (field,) = kind.__dataclass_fields__
    assert getattr(back, field) == pytest.approx(getattr(predictions, field), rel=1e-3, abs=2000)


def test_the_predictions_of_several_outputs_come_back_as_they_were() -> None:
    predictions = NamedPredictions({
        "hidden": ClassPredictions(np.array([1, 2, 0]), 3, np.array([1, 1, 0])),
        "total": PredictionErrors(np.array([0.5, 0.25, 1.0])),
    })  # fmt: skip
    back = unpack_predictions(json.loads(json.dumps(predictions.pack())), true_classes_of(predictions), 3, "a test")
    assert isinstance(back, NamedPredictions)
    hidden, total = back.by_output["hidden"], back.by_output["total"]
    assert isinstance(hidden, ClassPredictions)
    assert isinstance(total, PredictionErrors)
    assert hidden.predicted.tolist() == [1, 2, 0]
    assert total.errors.tolist() == [0.5, 0.25, 1.0]


@pytest.mark.parametrize("outputs", [None, [], "hidden", {"hidden": 3}, {"hidden": {"kind": "named", "outputs": {}}}])
def test_damaged_predictions_of_several_outputs_are_a_sentence(outputs: object) -> None:
    with pytest.raises(EdgekitError, match="are damaged"):
        unpack_predictions({"kind": "named", "outputs": outputs}, {}, 3, "a test")
