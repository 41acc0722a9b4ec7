"""The kind of output that labels of data show, in the forms that Keras's losses take them."""

from __future__ import annotations

import re

import numpy as np
import pytest

from edgekit.datasets.ground_truth import as_ground_truth
from edgekit.parity.agreement import compare
from edgekit.parity.ground_truth_kinds import data_claim, note_on_unused, require_agreement
from edgekit.parity.metrics import metric_for, require_compatible_ground_truth
from edgekit.parity.tallies.output_tally import OutputTally
from edgekit_runtime.errors import UsageError
from edgekit_runtime.task import DATA, UNNAMED, USER, Claim, Kind, Task
from edgekit_runtime.task_finding import find_task
from edgekit_runtime.tflite.description import (
    ModelDescription,
    OperatorDescription,
    SignatureDescription,
    SubgraphDescription,
    TensorDescription,
)

COUNT = 6


def model(shape: tuple[int, ...], operator: str) -> ModelDescription:
    """A model of one operator with an output of a shape without the batch."""
    tensors = tuple(
        TensorDescription(number, name, sizes, sizes, "float32", (), (), 0, 0, False, False)
        for number, (name, sizes) in enumerate({"x": (-1, 12), "y": (-1, *shape)}.items())
    )
    graph = SubgraphDescription("main", tensors, (OperatorDescription(operator, 1, "", (0,), (1,)),), (0,), (1,))
    signature = SignatureDescription("serving_default", 0, (("x", 0),), (("y", 1),))
    return ModelDescription(0, "", (graph,), (signature,), ())


def classes(*shape: int, below: int = 3, dtype: str = "int64") -> np.ndarray:
    values = np.arange(COUNT * int(np.prod(shape))).reshape(COUNT, *shape)
    return (values * 7 % 11 % below).astype(dtype)


@pytest.mark.parametrize(
    ("shape", "operator", "labels", "expected"),
    [
        pytest.param((4, 5, 3), "SOFTMAX", classes(4, 5), "mask", id="mask"),
        pytest.param((4, 5, 3), "SOFTMAX", classes(4, 5, 1, dtype="uint8"), "mask", id="mask-with-a-channel"),
        pytest.param((4, 5, 3), "SOFTMAX", np.eye(3, dtype="f4")[classes(4, 5)], "mask", id="one-hot-mask"),
        pytest.param((4, 5, 3), "SOFTMAX", np.eye(3, dtype=bool)[classes(4, 5)], "mask", id="one-hot-mask-of-bool"),
        pytest.param((4, 5, 1), "LOGISTIC", classes(4, 5, 1, below=2, dtype="uint8"), "mask", id="two-classes"),
        pytest.param((4, 5, 1), "LOGISTIC", classes(4, 5, 1, below=2, dtype="f4"), "mask", id="two-classes-in-floats"),
        pytest.param((4, 5, 1), "LOGISTIC", classes(4, 5, below=2, dtype="bool"), "mask", id="two-classes-of-bool"),
        pytest.param((7, 3), "SOFTMAX", classes(7, 1), "sequence", id="steps-with-an-axis-of-one"),
        pytest.param((7, 3), "SOFTMAX", np.eye(3, dtype="f4")[classes(7)], "sequence", id="one-hot-steps"),
        pytest.param((3,), "FULLY_CONNECTED", classes(1), "classes", id="a-column-of-classes"),
        pytest.param((7, 1), "FULLY_CONNECTED", classes(7, 1, below=9), "values", id="counts-by-step"),
        pytest.param((1,), "FULLY_CONNECTED", classes(below=2), "classes", id="two-classes-by-a-logit"),
        pytest.param((1,), "FULLY_CONNECTED", classes(below=9), "values", id="counts"),
        pytest.param((4, 5, 1), "LOGISTIC", 255 * classes(4, 5, below=2, dtype="uint8"), "mask", id="black-and-white"),
        pytest.param((4, 5, 2), "SOFTMAX", 255 * classes(4, 5, 1, below=2), "mask", id="black-and-white-of-two"),
        pytest.param((4, 5, 1), "LOGISTIC", classes(4, 5, 1, dtype="f4") / 2, "values", id="a-picture"),
        pytest.param((7, 2), "FULLY_CONNECTED", classes(7, 2, dtype="f4") - 1, "values", id="real-steps"),
    ],
)  # fmt: skip
def test_labels_show_the_kind_in_every_form_that_keras_trains_on(
    shape: tuple[int, ...], operator: str, labels: np.ndarray, expected: str
) -> None:
    ground_truth = as_ground_truth("data", labels, COUNT).values
    described = model(shape, operator)
    kind = find_task(described, [data_claim(described, {UNNAMED: ground_truth})]).outputs["y"]
    assert kind.name == expected
    require_compatible_ground_truth(kind.name, np.zeros((COUNT, *shape), np.float32), ground_truth)


@pytest.mark.parametrize(
    ("shape", "operator", "kind", "is_logit"),
    [
        ((1,), "FULLY_CONNECTED", "classes", True),
        ((1,), "LOGISTIC", "classes", False),
        ((4, 5, 1), "CONV_2D", "mask", True),
        ((3,), "FULLY_CONNECTED", "labels", True),
        ((3,), "FULLY_CONNECTED", "classes", False),
        ((1,), "FULLY_CONNECTED", "values", False),
    ],
)
def test_one_linear_score_of_classes_is_a_logit(
    shape: tuple[int, ...], operator: str, kind: str, *, is_logit: bool
) -> None:
    assert find_task(model(shape, operator), [Claim(USER, outputs={"y": kind})]).outputs["y"].is_logit is is_logit


def test_zero_divides_the_classes_of_a_logit_wherever_they_are_judged() -> None:
    scores, y = np.array([[-2.0], [0.2], [0.4], [3.0]], np.float32), np.array([0, 1, 1, 1])
    assert metric_for("top1", "classes", scores, y, is_logit=True).compare(scores, scores, y).reference == 1
    assert metric_for("top1", "classes", scores, y).compare(scores, scores, y).reference == 0.5
    # A metric of the numbers takes them as they are.
    assert metric_for("mse", "classes", scores, None, is_logit=True).drop(scores, scores + 1, None) == pytest.approx(1)
    assert compare(scores, scores, y, is_logit=True).reference_top1 == 1
    tally = OutputTally("y", Kind("classes", DATA, is_logit=True), (), 5, 0)
    tally.add((scores, scores), y, ("a", "b", "c", "d"))
    labelled = tally.result().classification
    assert labelled is not None
    assert labelled.labelled is not None
    assert labelled.labelled.reference_top1 == 1


def test_values_declared_for_masks_are_a_usage_error_and_not_ignored() -> None:
    described, declared = model((4, 5, 3), "SOFTMAX"), Claim(USER, outputs={UNNAMED: "values"})
    masks = as_ground_truth("data", classes(4, 5, 1), COUNT).values
    task = find_task(described, [declared, data_claim(described, {UNNAMED: masks})])
    with pytest.raises(UsageError, match="Output y was declared as values") as caught:
        require_agreement(described, {UNNAMED: masks}, task)
    assert caught.value.received == "shape (N, 4, 5), which is a mask"
    assert caught.value.expected == "real values, shape (N, 4, 5, 3)"
    # Integers for every value are values if the user says so, and nothing is wrong with the labels' own word.
    require_agreement(described, {UNNAMED: classes(4, 5, 3)}, task)
    require_agreement(described, {UNNAMED: masks}, find_task(described, [data_claim(described, {UNNAMED: masks})]))


def test_labels_of_another_form_leave_the_kind_to_the_graph() -> None:
    described = model((4, 5, 3), "SOFTMAX")
    ground_truth = as_ground_truth("data", classes(4, 5, 1, dtype="f4") / 2, COUNT).values
    assert find_task(described, [data_claim(described, {UNNAMED: ground_truth})]).outputs["y"].source == "model"


@pytest.mark.parametrize(
    ("labels", "outputs", "expected"),
    [
        (["y"], ["size"], ""),
        (["y_size"], ["size", "colour"], ""),
        (["y"], ["size", "colour"], "Ground truth called y was not used, .* call it y_size or y_colour"),
        (["y_colour", "y_form"], ["size", "colour"], "Ground truth called y_form was not used"),
    ],
    ids=["the only output", "some outputs", "no name for several", "an unknown name"],
)
def test_labels_that_belong_to_no_output_are_said(labels: list[str], outputs: list[str], expected: str) -> None:
    task = Task({}, {name: Kind("values", DATA) for name in outputs})
    note = note_on_unused({name[2:] or UNNAMED: np.zeros(3) for name in labels}, task)
    assert re.match(expected, note) if expected else note == ""
