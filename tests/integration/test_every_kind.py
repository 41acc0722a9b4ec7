"""Each kind of output, with targets and without, gets the same kind and the right metric from every command.

What is called is what the commands call: the examples of ``convert --max-drop``, ``validate``, the answers of
``check``, the comparison of ``devices check``, and ``classify``, which is ``predict``.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from one_operator_models import one_operator

import edgekit_runtime
from edgekit.budget.examples import judged
from edgekit.datasets.opening import DataRequest, ModelData, open_data
from edgekit.devices.comparison import Tolerance, compare_on
from edgekit.devices.device import this_machine
from edgekit.devices.inputs import inputs_from_data
from edgekit.parity.options import Thresholds, ValidationOptions
from edgekit.parity.validation import validate
from edgekit.regression.predicting import collect_predictions
from edgekit_converters.lowering import ModelInput
from edgekit_converters.packaging.artifact import pack
from edgekit_runtime.errors import TensorMismatchError
from edgekit_runtime.packed_file.manifest import Manifest
from edgekit_runtime.task import FILE, Claim
from edgekit_runtime.tflite.tflite_model import TfliteModel

COUNT = 60


@dataclass(frozen=True)
class Row:
    """One row of the table: a model, its targets, and what every command has to make of them.

    ``declared`` is packed into the file, for kinds that no graph of one operator shows.
    """

    shape: tuple[int, ...]
    operator: str
    targets: str | None
    kind: str
    budget: str
    validation: str
    check: str
    declared: str | None = None


ROWS = {
    "classes, targets": Row((3,), "SOFTMAX", "classes", "classes", "top1", "top1", "ClassPredictions"),
    "classes": Row((3,), "SOFTMAX", None, "classes", "agreement", "agreement", "ClassPredictions"),
    "sigmoid, targets": Row((1,), "LOGISTIC", "bit", "classes", "top1", "top1", "ClassPredictions"),
    "sigmoid": Row((1,), "LOGISTIC", None, "classes", "agreement", "agreement", "ClassPredictions"),
    "logit, targets": Row((1,), "ADD", "bit", "classes", "top1", "top1", "ClassPredictions"),
    "logit": Row((1,), "ADD", None, "values", "r2", "errors", "RawOutputs"),
    "labels, targets": Row((4,), "LOGISTIC", "bits", "labels", "f1", "f1", "PredictionScores"),
    "labels": Row((4,), "LOGISTIC", None, "labels", "f1", "f1", "RawOutputs"),
    "values, targets": Row((2,), "ADD", "values", "values", "r2", "r2", "PredictionErrors"),
    "values": Row((2,), "ADD", None, "values", "r2", "errors", "RawOutputs"),
    "mask, targets": Row((4, 5, 4), "SOFTMAX", "classes", "mask", "mean_iou", "mean_iou", "PredictionScores"),
    "mask": Row((4, 5, 4), "SOFTMAX", None, "mask", "mean_iou", "mean_iou", "RawOutputs"),
    "boxes, targets": Row((5, 4), "ADD", "values", "boxes", "r2", "r2", "RawOutputs", "boxes"),
    "boxes": Row((5, 4), "ADD", None, "boxes", "r2", "errors", "RawOutputs", "boxes"),
    "sequence, targets": Row(
        (7, 3), "SOFTMAX", "classes", "sequence", "token_accuracy", "token_accuracy", "PredictionScores"
    ),
    "sequence": Row((7, 3), "SOFTMAX", None, "sequence", "token_accuracy", "token_accuracy", "RawOutputs"),
    # A state is compared with the float model's, whatever the data says.
    "state, targets": Row((6,), "ADD", "values", "state", "snr", "snr", "RawOutputs", "state"),
    "state": Row((6,), "ADD", None, "state", "snr", "snr", "RawOutputs", "state"),
}
#: Kinds of which two models agree in a share of the examples or their parts.
SHARED = ("classes", "labels", "mask", "sequence")


@pytest.fixture(params=ROWS.values(), ids=ROWS.keys())
def row(request: pytest.FixtureRequest) -> Row:
    return request.param


@pytest.fixture
def model(row: Row, tmp_path: Path) -> Path:
    outputs = {} if row.declared is None else {"y": row.declared}
    path = tmp_path / "model.tflite"
    path.write_bytes(
        pack(TfliteModel(one_operator(row.shape, row.operator)), Manifest(task=Claim(FILE, outputs=outputs)))
    )
    return path


@pytest.fixture
def data(row: Row, model: Path, tmp_path: Path) -> Path:
    x = np.random.default_rng(0).normal(size=(COUNT, *row.shape)).astype(np.float32)
    arrays = {"x": x}
    if row.targets is not None:
        made = {
            "classes": lambda: x.argmax(-1),
            "bit": lambda: (x[:, 0] > 0).astype(int),
            "bits": lambda: (x > 0).astype(int),
            "values": lambda: x + np.float32(0.01),
        }
        arrays["y"] = made[row.targets]()
    np.savez(tmp_path / "data.npz", **arrays)
    return tmp_path / "data.npz"


def opened(row: Row, data: Path) -> ModelData:
    return open_data(DataRequest(str(data)), [ModelInput("x", (-1, *row.shape), "float32")])


def test_a_budget_judges_it(row: Row, model: Path, data: Path) -> None:
    loaded = edgekit_runtime.load(model)
    batches = list(opened(row, data).everything.batches(COUNT))
    examples = judged(batches, TfliteModel(model.read_bytes()), metrics={}, claims=[loaded.manifest.task])
    assert (examples.task.outputs["y"].name, examples.metric_name) == (row.kind, row.budget)
    judgement = examples.judge(model.read_bytes())
    assert judgement.drop == 0
    if row.targets in ("classes", "bit", "bits") and row.kind in SHARED:
        assert judgement.worst.reference == 1


def test_validate_judges_it(row: Row, model: Path, data: Path) -> None:
    options = ValidationOptions(everything=True)
    validation = validate(model, model, str(data), thresholds=Thresholds(), options=options)
    assert validation.task.outputs["y"].name == row.kind
    (output,) = validation.outputs
    labelled = None if output.classification is None else output.classification.labelled
    found = {"top1": labelled is not None, "r2": output.regression is not None}
    found["agreement"] = output.classification is not None and labelled is None
    found["errors"] = not (output.classification or output.regression or output.metrics)
    assert {name for name, is_there in found.items() if is_there} | {each.name for each in output.metrics[:1]} == {
        row.validation
    }
    if labelled is not None:
        assert labelled.reference_top1 == 1


def test_check_judges_it(row: Row, model: Path, data: Path) -> None:
    collected = collect_predictions(edgekit_runtime.load(model), opened(row, data).everything)
    assert type(collected.predictions).__name__ == row.check
    if row.check == "ClassPredictions":
        assert collected.predictions.top1 == (None if row.targets is None else 1)
    if row.check == "PredictionScores":
        assert collected.predictions.mean == 1


def test_devices_are_compared_by_it(row: Row, model: Path, data: Path) -> None:
    inputs = inputs_from_data(edgekit_runtime.load(model), str(data), COUNT, 0)
    here = this_machine()
    comparison = compare_on(here, here, model, inputs, Tolerance())
    (output,) = comparison.outputs
    assert output.top1_agreement == (1 if row.kind in SHARED else None)
    assert output.reference_top1 == (1 if row.kind == "classes" and row.targets else None)
    assert comparison.failures == ()


def test_predict_says_why_it_takes_no_images(row: Row, model: Path) -> None:
    kind = edgekit_runtime.load(model).task.outputs["y"].name
    assert kind == ("values" if row.operator == "ADD" and row.declared is None else row.kind)
    with pytest.raises(TensorMismatchError, match="one input of the kind image") as caught:
        edgekit_runtime.load(model).classify(np.zeros((8, 8), np.uint8))
    assert f"output y of the kind {kind}" in str(caught.value)
