"""Models built to break int8: each is brought back within the budget with at most a third of its operators in float."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import hostile_models
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from hostile_models import FITTED, HOSTILE_MODELS, HostileModel

from edgekit.budget.examples import ExampleSplit, JudgedExamples, judged
from edgekit.budget.float_model import FloatModel
from edgekit.budget.keeping import keep_within_budget
from edgekit.budget.report import BudgetReport
from edgekit.budget.request import BudgetRequest
from edgekit.datasets.streams import Batch
from edgekit_converters.quantization.calibration import calibrate
from edgekit_converters.quantization.modes import IoType, Mode
from edgekit_runtime.tflite.tflite_model import TfliteModel

#: Of top-1, a fraction; and of R², the share of the targets' variance that the answers explain.
MAX_DROP = 0.005
CALIBRATED = 256


@dataclass(frozen=True)
class Rescue:
    """A hostile model and what came of it."""

    hostile: HostileModel
    model: TfliteModel
    report: BudgetReport
    plain: TfliteModel
    float_model: FloatModel
    split: ExampleSplit


def prepared(hostile: HostileModel) -> tuple[FloatModel, ExampleSplit]:
    """Calibrated on the first examples, searched on others that were fitted to, judged on examples new to the model."""
    (name,) = (detail["name"].removeprefix("serving_default_").removesuffix(":0")
               for detail in Interpreter(model_content=hostile.model.content).get_input_details())  # fmt: skip
    samples = [{name: hostile.inputs[row : row + 1]} for row in range(CALIBRATED)]
    calibrated = {name: hostile.inputs[:128]}

    def examples(rows: slice) -> JudgedExamples:
        inputs, targets = {name: hostile.inputs[rows]}, {"": hostile.targets[rows]}
        names = tuple(map(str, range(len(hostile.targets[rows]))))
        return judged([Batch(inputs, targets, None, names)], hostile.model, metrics={"": hostile.metric})

    float_model = FloatModel(hostile.model, IoType.FLOAT32, calibrate(hostile.model, samples), calibrated)
    return float_model, ExampleSplit(examples(slice(CALIBRATED, FITTED)), examples(slice(FITTED, None)))


@pytest.fixture(scope="module", params=HOSTILE_MODELS, ids=lambda build: build.__name__)
def rescue(request: pytest.FixtureRequest) -> Rescue:
    build: Callable[[], HostileModel] = request.param
    hostile = build()
    float_model, split = prepared(hostile)
    _, report = keep_within_budget(float_model, [Mode.INT8], split, BudgetRequest(MAX_DROP, {"": hostile.metric}))
    model = float_model.quantized(Mode.INT8, report.winner.recipe)
    return Rescue(hostile, model, report, float_model.quantized(Mode.INT8), float_model, split)


def bare_score(hostile: HostileModel, model: TfliteModel) -> float:
    """Top-1 or R² on the examples that are new to the model, by the interpreter alone and numpy."""
    inputs, targets = hostile.inputs[FITTED:], hostile.targets[FITTED:]
    interpreter = Interpreter(model_content=model.content)
    interpreter.resize_tensor_input(interpreter.get_input_details()[0]["index"], inputs.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], inputs)
    interpreter.invoke()
    outputs = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    if hostile.metric == "top1":
        return float(np.mean(outputs.argmax(1) == targets))
    return 1 - float(np.mean((outputs[:, 0] - targets) ** 2) / np.var(targets))


def test_plain_int8_is_broken_and_the_budget_is_kept(rescue: Rescue) -> None:
    whole, plain, kept = (bare_score(rescue.hostile, m) for m in (rescue.hostile.model, rescue.plain, rescue.model))
    assert whole > 0.7
    assert whole - plain > 0.01
    assert whole - kept <= MAX_DROP + 1e-9
    assert rescue.report.met
    assert rescue.report.winner.drop == pytest.approx(whole - kept, abs=1e-6)


def test_at_most_a_third_of_the_operators_is_in_float(rescue: Rescue) -> None:
    winner = rescue.report.winner
    details = Interpreter(model_content=rescue.model.content)._get_ops_details()
    tensors = {t["index"]: t for t in Interpreter(model_content=rescue.model.content).get_tensor_details()}
    results = [
        tensors[op["outputs"][0]]["dtype"]
        for op in details
        if op["op_name"] not in ("QUANTIZE", "DEQUANTIZE", "DELEGATE")
    ]
    in_float = sum(dtype is np.float32 for dtype in results)
    assert (winner.float_operators, winner.operators) == (in_float, len(results))
    assert in_float <= len(results) / 3
    assert winner.recipe is not None
    assert in_float == len(winner.recipe.float_operators)


def test_every_operator_in_float_is_needed(rescue: Rescue) -> None:
    assert rescue.report.winner.recipe is not None
    recipe = rescue.report.winner.recipe
    for name in recipe.float_operators:
        fewer = tuple(other for other in recipe.float_operators if other != name)
        model = rescue.float_model.quantized(Mode.INT8, type(recipe)(fewer, recipe.range_rule))
        drops = [rescue.split.search.drop(model), rescue.split.held_back.drop(model)]
        assert max(drops) > MAX_DROP, name


def test_the_steps_end_at_the_model(rescue: Rescue) -> None:
    steps = rescue.report.steps
    assert steps[0].float_operators == 0
    assert steps[0].drop > 0.01
    assert steps[-1].drop <= MAX_DROP
    assert steps[-1].size_bytes == len(rescue.model)
    assert all(step.p50_ms > 0 for step in steps)


def test_again_the_same_bytes() -> None:
    hostile = hostile_models.residual()
    found = []
    for _ in range(2):
        float_model, split = prepared(hostile)
        _, report = keep_within_budget(float_model, [Mode.INT8], split, BudgetRequest(MAX_DROP))
        found.append((float_model.quantized(Mode.INT8, report.winner.recipe), report.facts()))
    assert found[0] == found[1]
