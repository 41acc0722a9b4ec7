"""Repairs the float model before int8 and decides by the score on other examples whether the repair is used."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from edgekit.budget.cross_fitting import ranges_by_fold
from edgekit.budget.examples import JudgedExamples, cross_fitted_examples, first_inputs, other_examples
from edgekit.calibration.data import CalibrationData
from edgekit.conversion.float_base import FloatBase
from edgekit.conversion.options import ConversionOptions
from edgekit.counting import counted
from edgekit.progress import progress_bar
from edgekit_converters.quantization.calibration import calibrate
from edgekit_converters.quantization.modes import IoType, Mode
from edgekit_converters.quantization.ranges import Ranges
from edgekit_converters.repair.repair import Draft, FailedStep, Repair, RepairStep, repair
from edgekit_converters.targets.adaptation import TargetedModel, quantize_for_targets
from edgekit_runtime.errors import ConversionError, InterpreterError
from edgekit_runtime.task import Claim
from edgekit_runtime.tflite.tflite_model import TfliteModel

#: Number of calibration examples that a repair looks at.
_EXAMPLES = 128
#: A repaired model whose signal to noise is nearer to that of the plain model than this is not worth a change, in dB.
_WORTH_TAKING_DB = 0.2


@dataclass(frozen=True, slots=True)
class RepairReport:
    """What became of the repair of int8.

    Attributes:
        is_selected: Whether the int8 file is made from the repaired model.
        plain_db: Signal to noise of plain int8 against the float model, in dB; on the calibration examples if no
            others exist.
        repaired_db: Signal to noise of repaired int8, likewise.
        examples: Number of examples behind both.
        steps: The steps, in order, with their gains on calibration examples.
        failed: Steps that raised an error and were left out.
    """

    is_selected: bool
    plain_db: float
    repaired_db: float
    examples: int
    steps: tuple[RepairStep, ...]
    failed: tuple[FailedStep, ...] = ()

    def describe(self) -> str:
        """What was selected, with the gain of each step, and the steps that failed."""
        left_out = (f"The step {each.name} failed and was left out ({each.reason})." for each in self.failed)
        return " ".join([self._result(), *left_out])

    def _result(self) -> str:
        figures = (
            f"signal to noise against float {self.plain_db:.1f} dB plain, {self.repaired_db:.1f} dB repaired, on "
            f"{counted(self.examples, 'example')}"
        )
        if not self.steps:
            return f"int8 is plain, no repair brings it nearer to float ({self.plain_db:.1f} dB)."
        steps = "; ".join(f"{step.name} {step.effect} ({step.gain_db:+.1f} dB)" for step in self.steps)
        if self.is_selected:
            return f"int8 is repaired: {figures}. Steps: {steps}."
        return f"int8 is plain, because repair would not bring it nearer to float: {figures}."

    def facts(self) -> list[dict[str, Any]]:
        """The facts that the manifest stores."""
        return [{"name": step.name, "gain_db": round(step.gain_db, 1)} for step in self.steps]

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain values."""
        return {
            "is_selected": self.is_selected,
            "plain_db": self.plain_db,
            "repaired_db": self.repaired_db,
            "examples": self.examples,
            "steps": [step.to_dict() for step in self.steps],
            "failed": [step.to_dict() for step in self.failed],
        }


@dataclass(frozen=True, slots=True)
class RepairedBase:
    """A repaired float model and how it was made."""

    base: FloatBase
    repair: Repair


def repaired_base(
    plain: FloatBase, calibration: CalibrationData | None, modes: Collection[Mode], options: ConversionOptions
) -> RepairedBase | None:
    """Repair the float model for int8.

    Args:
        plain: The float model.
        calibration: The data, with the examples chosen for calibration.
        modes: Modes that it is converted to.
        options: Options that say whether to repair.
    Returns:
        None if there is nothing to repair on: repair is off, int8 is not among the modes, there is no data, or the
        ranges come from quantization-aware training, whose weights fit no others.
    """
    ranges = plain.ranges
    if not options.repairs or Mode.INT8 not in modes or calibration is None or ranges is None or ranges.learnt:
        return None
    inputs = first_inputs(calibration.stream, _EXAMPLES)

    def quantize(draft: Draft) -> TfliteModel:
        in_float = (*plain.float_operators, *draft.float_operators)
        return _int8(FloatBase(draft.model, _measured(draft.model, inputs), in_float), options).model

    try:
        with progress_bar("Repairing int8", total=None) as advance:
            made = repair(plain.model, inputs, quantize, progress=advance)
    except (ConversionError, InterpreterError):
        # What int8 cannot do, the conversion itself reports.
        return None
    if not made.steps:
        return RepairedBase(plain, made)
    in_float = (*plain.float_operators, *made.draft.float_operators)
    return RepairedBase(FloatBase(made.draft.model, calibrate(made.draft.model, calibration.samples()), in_float), made)


@dataclass(frozen=True, slots=True)
class JudgedRepair:
    """The nearer of plain and repaired int8.

    Attributes:
        report: The comparison.
        base: The float model of the selected one.
        made: The selected model; None if models of folds were compared instead.
    """

    report: RepairReport
    base: FloatBase
    made: TargetedModel | None


def judge_repair(
    repaired: RepairedBase, plain: FloatBase, calibration: CalibrationData, options: ConversionOptions, claim: Claim
) -> JudgedRepair:
    """Compare repaired with plain int8 on examples that neither was calibrated on, if there are any.

    Args:
        repaired: The repaired model.
        plain: The original model.
        calibration: The data.
        options: Options of both.
        claim: The task.
    """
    found = repaired.repair
    if not found.steps:
        report = RepairReport(False, found.plain_db, found.plain_db, found.examples, (), found.failed)
        return JudgedRepair(report, plain, None)
    examples = _examples(calibration, plain, options, claim)
    made = {base: _int8_by_fold(base, examples, options) for base in (plain, repaired.base)}
    plain_db, repaired_db = (examples.signal_to_noise_db(*(each.model for each in models)) for models in made.values())
    before, after = (examples.drop(*(each.model for each in models)) for models in made.values())
    # Two examples more or fewer are chance.
    allowed = 2 * (examples.smallest_step or 0)
    is_selected = repaired_db >= plain_db + _WORTH_TAKING_DB and after <= before + allowed
    base = repaired.base if is_selected else plain
    report = RepairReport(is_selected, plain_db, repaired_db, len(examples), found.steps, found.failed)
    return JudgedRepair(report, base, made[base][0] if examples.folds is None else None)


def _examples(
    calibration: CalibrationData, plain: FloatBase, options: ConversionOptions, claim: Claim
) -> JudgedExamples:
    if calibration.is_scarce:
        return cross_fitted_examples(calibration.data, plain.model, metrics={}, claims=[claim], seed=options.seed)
    return other_examples(calibration.data, calibration.stream, plain.model, claims=[claim], seed=options.seed)


def _int8_by_fold(base: FloatBase, examples: JudgedExamples, options: ConversionOptions) -> tuple[TargetedModel, ...]:
    """The int8 models to judge: one, or with cross-fitting one per fold."""
    if examples.folds is None:
        return (_int8(base, options),)
    ranges = ranges_by_fold(base.model, examples.inputs, examples.folds, samples=options.samples, learnt={})
    return tuple(_int8(replace(base, ranges=each), options) for each in ranges)


def _int8(base: FloatBase, options: ConversionOptions) -> TargetedModel:
    return quantize_for_targets(
        base.model,
        Mode.INT8,
        options.targets,
        io=options.io if options.io in Mode.INT8.io_types else IoType.FLOAT32,
        scheme=options.scheme,
        ranges=base.ranges,
        float_operators=base.float_operators,
    )


def _measured(model: TfliteModel, inputs: Mapping[str, np.ndarray]) -> Ranges:
    count = len(next(iter(inputs.values())))
    return calibrate(model, ({name: rows[row : row + 1] for name, rows in inputs.items()} for row in range(count)))
