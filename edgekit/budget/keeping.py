"""Builds the candidates, judges them on examples that calibration did not use, and selects one."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from edgekit.budget.choice import choose
from edgekit.budget.examples import ExampleSplit
from edgekit.budget.float_model import FloatModel
from edgekit.budget.int8_search import ConfirmedSearch, search_int8
from edgekit.budget.report import THIS_MACHINE, BudgetReport, Candidate, Step
from edgekit.budget.request import BudgetRequest
from edgekit.budget.verdict import Verdict
from edgekit.parity.latency import median_latencies_ms
from edgekit.progress import progress_bar
from edgekit_converters.quantization.budget_search import BudgetSearch, Trial
from edgekit_converters.quantization.modes import Mode
from edgekit_runtime.errors import ConversionError
from edgekit_runtime.tflite.description import ModelDescription
from edgekit_runtime.tflite.tflite_model import TfliteModel

_logger = logging.getLogger(__name__)

#: Conversions between types, which the float model does not contain.
_CONVERSIONS = ("QUANTIZE", "DEQUANTIZE")


def keep_within_budget(
    float_model: FloatModel, modes: Sequence[Mode], split: ExampleSplit, request: BudgetRequest
) -> tuple[Mode, BudgetReport]:
    """Build a model in each mode, int8 with as few float operators as the budget allows, and select one.

    Args:
        float_model: Float model to quantize.
        modes: Modes to try, the simplest first. If there are several, a mode that the model cannot be converted to is
            omitted.
        split: Examples for the search and for the judgement.
        request: The budget.
    Returns:
        Selected mode, and report; the recipe of its winner reproduces the model.
    Raises:
        ConversionError: The model cannot be converted to any of the modes.
    """
    models, int8 = _make(float_model, modes, split, request.max_drop)
    steps = int8.search.steps if int8 and len(int8.search.steps) > 1 else ()
    step_models = [float_model.quantized(Mode.INT8, step.recipe) for step in steps]
    with progress_bar("Timing", total=None) as advance:
        timed = [*models.values(), *step_models]
        times_ms = median_latencies_ms(timed, split.held_back.inputs, timer=request.timer, progress=advance)
    candidates = _judge(float_model, models, times_ms[: len(models)], int8, split=split, request=request)
    chosen = choose(candidates, request.prefer)
    mode = list(models)[chosen]
    report = BudgetReport(
        metric=split.held_back.metric_name,
        against=split.held_back.against,
        max_drop=request.max_drop,
        prefer=request.prefer if len(modes) > 1 else None,
        calibration_examples=float_model.ranges.samples if float_model.ranges else 0,
        search_examples=len(split.search) if int8 else 0,
        held_back_examples=len(split.held_back),
        is_share=split.held_back.is_share,
        is_strict=request.is_strict,
        smallest_step=split.held_back.smallest_step,
        is_confirmed=int8 is None or int8.is_confirmed,
        is_cross_fitted=bool(float_model.folds),
        evaluations=int8.search.evaluations if int8 else 0,
        candidates=candidates,
        steps=_steps(int8.search, steps, times_ms[len(models) :]) if int8 else (),
        chosen=chosen,
        timed_on=request.timer.name if request.timer is not None else THIS_MACHINE,
        met=candidates[chosen].is_within,
    )
    return mode, report


def _make(
    float_model: FloatModel, modes: Sequence[Mode], split: ExampleSplit, max_drop: float
) -> tuple[dict[Mode, TfliteModel], ConfirmedSearch | None]:
    models: dict[Mode, TfliteModel] = {}
    int8 = None
    for mode in modes:
        try:
            if mode is Mode.INT8:
                int8 = search_int8(float_model, split, max_drop)
            models[mode] = float_model.quantized(
                mode, int8.search.chosen.recipe if int8 and mode is Mode.INT8 else None
            )
        except ConversionError as error:
            if len(modes) == 1:
                raise
            _logger.info("%s is left out: %s", mode.value, error)
    return models, int8


def _judge(
    float_model: FloatModel,
    models: Mapping[Mode, TfliteModel],
    times_ms: Sequence[float],
    int8: ConfirmedSearch | None,
    *,
    split: ExampleSplit,
    request: BudgetRequest,
) -> tuple[Candidate, ...]:
    candidates = []
    for (mode, model), p50_ms in zip(models.items(), times_ms, strict=True):
        search = int8.search if int8 and mode is Mode.INT8 else None
        judgement = split.held_back.judge(*float_model.judged(mode, search.chosen.recipe if search else None))
        verdict = judgement.verdict(request.max_drop)
        if search is not None and not search.met:
            verdict = Verdict.MISSED
        in_float, operators = _count_operators(model.description)
        candidates.append(
            Candidate(
                mode=mode.value,
                recipe=search.chosen.recipe if search else None,
                float_operators=in_float,
                operators=operators,
                size_bytes=len(model),
                p50_ms=p50_ms,
                drop=judgement.drop,
                interval=judgement.interval,
                verdict=verdict,
                is_within=verdict is Verdict.KEPT or (verdict is Verdict.UNPROVEN and not request.is_strict),
                examples_to_prove=judgement.examples_to_prove(len(split.held_back), request.max_drop),
            )
        )
    return tuple(candidates)


def _count_operators(description: ModelDescription) -> tuple[int, int]:
    """The number of operators with a float32 result, and of all operators, without conversions between types."""
    results = [
        description.tensors[operator.outputs[0]].dtype
        for operator in description.operators
        if operator.name not in _CONVERSIONS
    ]
    return results.count("float32"), len(results)


def _steps(search: BudgetSearch, trials: Sequence[Trial], times_ms: Sequence[float]) -> tuple[Step, ...]:
    noise = {operator.operator: operator for operator in search.noise}
    steps = []
    before: tuple[str, ...] = ()
    for trial, p50_ms in zip(trials, times_ms, strict=True):
        new = [name for name in trial.recipe.float_operators if name not in before]
        before = trial.recipe.float_operators
        # A step adds one operator, except the last step of a search that misses the budget.
        operator = noise[new[0]] if len(new) == 1 else None
        steps.append(
            Step(
                added=operator.operator if operator else "",
                kind=operator.kind if operator else "",
                noise=operator.noise if operator else None,
                float_operators=len(trial.recipe.float_operators),
                range_rule=trial.recipe.range_rule.value,
                is_repaired=trial.recipe.is_repaired,
                drop=trial.drop,
                size_bytes=trial.size_bytes,
                p50_ms=p50_ms,
            )
        )
    return tuple(steps)
