"""Converts within a budget: judges the candidates, selects one, and chooses its output path."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from edgekit.budget.cross_fitting import ranges_by_fold
from edgekit.budget.examples import ExampleSplit, cross_fitted_examples, first_inputs, split_examples
from edgekit.budget.float_model import FloatModel
from edgekit.budget.keeping import keep_within_budget
from edgekit.budget.report import BudgetReport
from edgekit.budget.request import BudgetRequest
from edgekit.calibration.data import CalibrationData
from edgekit.conversion.float_base import FloatBase
from edgekit.conversion.options import ConversionOptions
from edgekit.conversion.repairing import RepairedBase, RepairReport, repaired_base
from edgekit_converters.quantization.budget_search import MixedRecipe
from edgekit_converters.quantization.modes import Mode
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
        repair: What became of the repair of int8; None if plain int8 needed none.
        base: The float model that it is made from.
    """

    mode: Mode
    made: TargetedModel
    path: Path
    report: BudgetReport
    repair: RepairReport | None
    base: FloatBase


def convert_within_budget(
    plain: FloatBase,
    outputs: Mapping[Mode, Path],
    options: ConversionOptions,
    calibration: CalibrationData,
    decoder: BoxDecoder | None = None,
    *,
    recovered: Mapping[Mode, FloatBase] | None = None,
) -> Kept:
    """Select a model within the budget, judged on examples that calibration did not use.

    Args:
        plain: The float model with its ranges.
        outputs: Modes to try, with their output paths.
        options: Options, which contain a budget.
        calibration: The data, with the examples chosen for calibration.
        decoder: How outputs become boxes; None for other models.
        recovered: Fine-tuned models, by the mode that they are for; they are repaired already, if that helps.
    Raises:
        EdgekitError: The data or the metric is not compatible, or the model cannot be converted to any of the modes.
    """
    request = options.budget
    assert request is not None, "only asked for with a budget"
    recovered = recovered or {}
    split = _split(plain.model, options, request, calibration, decoder)
    found: list[RepairedBase] = []

    def repaired() -> FloatModel | None:
        if Mode.INT8 in recovered:
            return None
        made = repaired_base(plain, calibration, outputs, options)
        if made is None or not made.repair.steps:
            return None
        found.append(made)
        return _float_model(made.base, split, options, calibration, learnt={})

    learnt = plain.ranges.learnt if plain.ranges is not None else {}
    float_model = replace(
        _float_model(plain, split, options, calibration, learnt=learnt),
        find_repaired=repaired,
        recovered={
            mode: _float_model(base, split, options, calibration, learnt={}) for mode, base in recovered.items()
        },
    )
    mode, report = keep_within_budget(float_model, list(outputs), split, request)
    path = outputs[mode]
    if not report.met:
        path = path.with_name(f"{path.stem}{_OVER_BUDGET}{path.suffix}")
    winner = report.winner.recipe
    return Kept(
        mode,
        float_model.targeted(mode, winner),
        path,
        report,
        _repair_report(float_model, found, split, winner),
        found[0].base if winner is not None and winner.is_repaired else recovered.get(mode, plain),
    )


def _repair_report(
    float_model: FloatModel, found: Sequence[RepairedBase], split: ExampleSplit, winner: MixedRecipe | None
) -> RepairReport | None:
    """What became of the repair; None if plain int8 needed none."""
    if not found:
        return None
    plain_db, repaired_db = (
        split.search.signal_to_noise_db(*float_model.judged(Mode.INT8, MixedRecipe(is_repaired=is_repaired)))
        for is_repaired in (False, True)
    )
    is_selected = winner is not None and winner.is_repaired
    made = found[0].repair
    return RepairReport(is_selected, plain_db, repaired_db, len(split.search), made.steps, made.failed)


def _float_model(
    base: FloatBase,
    split: ExampleSplit,
    options: ConversionOptions,
    calibration: CalibrationData,
    *,
    learnt: Mapping[str, tuple[float, float]],
) -> FloatModel:
    """The model to quantize, with one copy per fold for cross-fitting."""
    calibrated = first_inputs(calibration.stream, _NOISE_EXAMPLES)
    made = FloatModel(
        base.model, options.io, base.ranges, calibrated, options.scheme, options.targets, base.float_operators
    )
    examples = split.held_back
    if base.ranges is None or examples.folds is None:
        return made
    measured = ranges_by_fold(base.model, examples.inputs, examples.folds, samples=options.samples, learnt=learnt)
    return replace(made, folds=tuple(replace(made, ranges=each) for each in measured))


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
