"""Converts within a budget: judges the candidates, selects one, and chooses its output path."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from edgekit.budget.cross_fitting import ranges_by_fold
from edgekit.budget.examples import ExampleSplit, cross_fitted_examples, first_inputs, split_examples
from edgekit.budget.float_model import FloatModel
from edgekit.budget.keeping import keep_within_budget
from edgekit.budget.report import BudgetReport
from edgekit.budget.request import BudgetRequest
from edgekit.calibration.data import CalibrationData
from edgekit.conversion.options import ConversionOptions
from edgekit_converters.quantization.modes import Mode
from edgekit_converters.quantization.ranges import Ranges
from edgekit_converters.targets.adaptation import TargetedModel
from edgekit_runtime.boxes.decoder import BoxDecoder
from edgekit_runtime.tflite.tflite_model import TfliteModel

_OVER_BUDGET = "-over-budget"
#: Number of calibration examples for measuring the noise of single operators.
_NOISE_EXAMPLES = 128


@dataclass(frozen=True, slots=True)
class Kept:
    """The selected model and how it was found.

    Attributes:
        mode: Quantization mode.
        made: The model.
        path: Output path: the requested one, or a different name if the model misses the budget, so that it cannot be
            mistaken for one that meets it.
        report: Report of the search.
    """

    mode: Mode
    made: TargetedModel
    path: Path
    report: BudgetReport


def convert_within_budget(
    lowered: TfliteModel,
    outputs: Mapping[Mode, Path],
    options: ConversionOptions,
    calibration: CalibrationData,
    ranges: Ranges | None,
    *,
    float_operators: tuple[str, ...] = (),
    decoder: BoxDecoder | None = None,
) -> Kept:
    """Select a model within the budget, judged on examples that calibration did not use.

    Args:
        lowered: The float32 .tflite.
        outputs: Modes to try, with their output paths.
        options: Options, which contain a budget.
        calibration: The data, with the examples chosen for calibration.
        ranges: Ranges measured by calibration; None if no mode needs them.
        float_operators: Operators that stay in float in calibrated modes.
        decoder: How outputs become boxes; None for other models.
    Raises:
        EdgekitError: The data or the metric is not compatible, or the model cannot be converted to any of the modes.
    """
    request = options.budget
    assert request is not None, "only asked for with a budget"
    split = _split(lowered, options, request, calibration, decoder)
    calibrated = first_inputs(calibration.stream, _NOISE_EXAMPLES)
    float_model = FloatModel(lowered, options.io, ranges, calibrated, options.scheme, options.targets, float_operators)
    if ranges is not None and split.held_back.folds is not None:
        examples = split.held_back
        measured = ranges_by_fold(
            lowered, examples.inputs, split.held_back.folds, samples=options.samples, learnt=ranges.learnt
        )
        float_model = replace(float_model, folds=tuple(replace(float_model, ranges=each) for each in measured))
    mode, report = keep_within_budget(float_model, list(outputs), split, request)
    path = outputs[mode]
    if not report.met:
        path = path.with_name(f"{path.stem}{_OVER_BUDGET}{path.suffix}")
    return Kept(mode, float_model.targeted(mode, report.winner.recipe), path, report)


def _split(
    lowered: TfliteModel,
    options: ConversionOptions,
    request: BudgetRequest,
    calibration: CalibrationData,
    decoder: BoxDecoder | None,
) -> ExampleSplit:
    """The examples not used for calibration; if data is scarce, search and verdict both use all examples."""
    if calibration.is_scarce:
        examples = cross_fitted_examples(
            calibration.data,
            lowered,
            metrics=request.metrics,
            claims=(options.claim,),
            decoder=decoder,
            seed=options.seed,
        )
        return ExampleSplit(examples, examples)
    return split_examples(
        calibration.data,
        calibration.stream,
        lowered,
        metrics=request.metrics,
        claims=(options.claim,),
        decoder=decoder,
        seed=options.seed,
    )
