"""Scarce data is calibrated on in one half and judged on in the other, in turn, so that no example judges itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgekit.budget.cross_fitting import FOLDS, fold_numbers, ranges_by_fold
from edgekit.budget.examples import cross_fitted_examples, predictions
from edgekit.budget.request import BudgetRequest
from edgekit.calibration.data import CalibrationData, open_calibration_data
from edgekit.conversion.float_base import FloatBase
from edgekit.conversion.options import ConversionOptions
from edgekit.conversion.within_budget import Kept, convert_within_budget
from edgekit.datasets.opening import DataRequest, open_data
from edgekit.reports.terminal.budget import examples_sentence
from edgekit_converters.lowering import ModelInput
from edgekit_converters.quantization.calibration import calibrate
from edgekit_converters.quantization.modes import Mode
from edgekit_converters.quantization.quantize import quantize
from edgekit_runtime.tflite.tflite_model import TfliteModel

MODEL = TfliteModel((Path(__file__).resolve().parents[2] / "data" / "tflite" / "dense_float32.tflite").read_bytes())
INPUT, OUTPUT = "keras_tensor_12", "output_0"
INPUTS = (ModelInput(INPUT, (-1, 4), "float32"),)
COUNT = 60


def pool(folder: Path, count: int = COUNT) -> CalibrationData:
    """Examples with the model's own classes as labels; the last one is fifty times as large as the others."""
    x = np.random.default_rng(0).normal(size=(count, 4)).astype(np.float32)
    x[-1] *= 50
    y = predictions(MODEL, {INPUT: x})[OUTPUT].argmax(1)
    np.savez(folder / "pool.npz", x=x, y=y)
    return open_calibration_data(DataRequest(str(folder / "pool.npz")), MODEL, INPUTS, samples=256)


def kept(calibration: CalibrationData, mode: Mode = Mode.INT8, *, strict: bool = False) -> Kept:
    ranges = calibrate(MODEL, calibration.samples()) if mode.needs_calibration else None
    options = ConversionOptions(budget=BudgetRequest(0.2, is_strict=strict))
    return convert_within_budget(FloatBase(MODEL, ranges), {mode: Path("out.tflite")}, options, calibration)


def test_copies_share_a_fold_and_classes_are_spread_evenly() -> None:
    x = np.random.default_rng(1).normal(size=(40, 3)).astype(np.float32)
    classes = np.repeat([0, 1], [32, 8])
    folds = fold_numbers({"x": np.concatenate([x, x])}, np.concatenate([classes, classes]), seed=3)
    np.testing.assert_array_equal(folds[:40], folds[40:])
    counts = [np.bincount(classes[folds[:40] == fold]).tolist() for fold in range(FOLDS)]
    assert counts == [[16, 4], [16, 4]]


def test_the_ranges_of_a_fold_leave_its_own_examples_out(tmp_path: Path) -> None:
    examples = cross_fitted_examples(pool(tmp_path).data, MODEL, metrics={}, seed=0)
    assert examples.folds is not None
    largest = int(np.abs(examples.inputs[INPUT]).max(1).argmax())
    measured = ranges_by_fold(MODEL, examples.inputs, examples.folds, samples=256, learnt={})
    widths = [max(abs(end) for limits in each.limits.values() for end in limits) for each in measured]
    own = int(examples.folds[largest])
    assert widths[own] < widths[1 - own] / 3
    assert [each.samples for each in measured] == [30, 30]


def test_models_that_are_judged_have_the_learnt_ranges_of_the_delivered_one(tmp_path: Path) -> None:
    examples = cross_fitted_examples(pool(tmp_path).data, MODEL, metrics={}, seed=0)
    assert examples.folds is not None
    name = MODEL.description.inputs[0].name
    learnt = {name: (-2.0, 1.5)}
    measured = ranges_by_fold(MODEL, examples.inputs, examples.folds, samples=256, learnt=learnt)
    assert [each.limits[name] for each in measured] == [(-2.0, 1.5)] * FOLDS


def test_each_example_is_judged_once_by_the_model_calibrated_on_the_other_half(tmp_path: Path) -> None:
    calibration = pool(tmp_path)
    examples = cross_fitted_examples(calibration.data, MODEL, metrics={"": "mse"}, seed=0)
    assert examples.folds is not None
    measured = ranges_by_fold(MODEL, examples.inputs, examples.folds, samples=256, learnt={})
    models = [quantize(MODEL, Mode.INT8, ranges=each) for each in measured]
    errors = [
        np.square(predictions(model, {INPUT: examples.inputs[INPUT][rows]})[OUTPUT] - examples.reference[OUTPUT][rows])
        for fold, model in enumerate(models)
        for rows in [examples.folds == fold]
    ]
    assert sum(map(len, errors)) == COUNT
    assert examples.drop(*models) == pytest.approx(np.concatenate(errors).mean())


def test_the_delivered_model_is_calibrated_on_the_whole_pool_and_judged_on_it(tmp_path: Path) -> None:
    calibration = pool(tmp_path)
    assert calibration.is_scarce
    made = kept(calibration)
    report = made.report
    assert (report.calibration_examples, report.held_back_examples, report.is_cross_fitted) == (COUNT, COUNT, True)
    assert made.made.model == quantize(MODEL, Mode.INT8, ranges=calibrate(MODEL, calibration.samples()))
    assert examples_sentence(report).startswith("Judged on 60 cross-fitted examples, each 1.67 %; searched on the same")
    assert report.facts()["is_cross_fitted"] is True


def test_more_examples_than_a_fifth_prove_what_a_fifth_cannot(tmp_path: Path) -> None:
    made = kept(pool(tmp_path), strict=True)
    assert (made.report.winner.verdict.value, made.report.is_confirmed) == ("kept", True)
    assert made.report.winner.interval is not None
    assert made.report.winner.interval.high <= 0.2


def test_where_nothing_is_calibrated_all_examples_are_simply_held_back(tmp_path: Path) -> None:
    report = kept(pool(tmp_path), Mode.FLOAT16).report
    assert (report.held_back_examples, report.is_cross_fitted) == (COUNT, False)


def test_enough_data_is_held_back_and_a_test_part_is_never_calibrated_on(tmp_path: Path) -> None:
    assert not pool(tmp_path, 500).is_scarce
    x = np.random.default_rng(0).normal(size=(50, 4)).astype(np.float32)
    np.savez(tmp_path / "parts.npz", x_train=x[:40], x_test=x[40:], y_train=np.zeros(40, int), y_test=np.ones(10, int))
    request = DataRequest(str(tmp_path / "parts.npz"))
    assert open_data(request, INPUTS).has_test_part
    assert not open_calibration_data(request, MODEL, INPUTS, samples=256).is_scarce
