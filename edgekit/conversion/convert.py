"""Runs the steps of a conversion: lower, calibrate, quantize, pack, write."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from edgekit import __version__
from edgekit.artifacts.box_heads import golden_answer
from edgekit.conversion.float_base import FloatBase, operators_of_kinds
from edgekit.conversion.options import ConversionOptions
from edgekit.conversion.ranges import io_types_of, measured_ranges, note_on_learnt, require_integer_weights
from edgekit.conversion.recovering import RecoveryReport, recover_modes, require_recoverable
from edgekit.conversion.repairing import JudgedRepair, RepairReport, judge_repair, repaired_base
from edgekit.conversion.result import Conversion, ConvertedModel
from edgekit.conversion.scores import OutputScore, score_models
from edgekit.conversion.slower import SlowerModel, slower_than_float
from edgekit.conversion.source import LoweredSource, lower_source
from edgekit.conversion.variants import (
    larger_than_float,
    notes_on_support,
    outputs_of_finite_weights,
    quantize_variants,
    supported_outputs,
)
from edgekit.conversion.within_budget import Kept, convert_within_budget
from edgekit.counting import counted
from edgekit_converters.atomic_files import write_bytes
from edgekit_converters.lowering import LoweredModel, LoweringRequest
from edgekit_converters.packaging.artifact import pack
from edgekit_converters.packaging.golden_examples import make_golden
from edgekit_converters.quantization.modes import IoType, Mode
from edgekit_converters.repair.attention_masks import with_finite_masks
from edgekit_converters.targets.adaptation import TargetedModel, require_runs
from edgekit_converters.targets.check import check_targets
from edgekit_runtime.packed_file.manifest import Manifest
from edgekit_runtime.tflite.tflite_model import TfliteModel

_logger = logging.getLogger(__name__)


def convert(request: LoweringRequest, outputs: Mapping[Mode, Path], options: ConversionOptions) -> Conversion:
    """Convert one source to every mode in ``outputs``; the same arguments give the same bytes.

    Args:
        request: The source and how to lower it.
        outputs: Output path of each mode; with a budget, only the path of the selected mode is written.
        options: Options for calibration, types, labels and the budget.
    Raises:
        EdgekitError: The source, the data, the options or a target cannot be used; nothing is written in that case. If
            there are several variants, those that a target cannot run are omitted with a note instead.
    """
    outputs, notes = supported_outputs(outputs, options.targets)
    io_types = io_types_of(
        outputs, options.io, has_data=options.data is not None, random_calibration=options.random_calibration
    )
    require_integer_weights(outputs, options.scheme)
    require_recoverable(options, outputs)
    source = lower_source(request, outputs, options)
    outputs, without_nan = outputs_of_finite_weights(outputs, source.lowered, has_budget=options.budget is not None)
    io_types = {mode: io_types[mode] for mode in outputs}
    notes += without_nan
    is_calibrated = any(mode.needs_calibration for mode in outputs)
    if is_calibrated:
        source = replace(source, lowered=replace(source.lowered, model=with_finite_masks(source.lowered.model)))
    ranges = measured_ranges(source, options) if is_calibrated else None
    notes += note_on_learnt(source, ranges)
    kept_in_float = operators_of_kinds(source.lowered.model.description, options.keep_float)
    plain = FloatBase(source.lowered.model, ranges, (*source.float_operators, *kept_in_float))
    kept: Kept | None = None
    scores: Mapping[Mode, Sequence[OutputScore]] = {}
    if source.calibration is not None and options.budget is not None:
        recovered, recoveries = _recovered_before_search(plain, source, outputs, options)
        kept = convert_within_budget(
            plain, outputs, options, source.calibration, source.box_decoder, recovered=recovered
        )
        models, outputs, repair = {kept.mode: kept.made}, {kept.mode: kept.path}, kept.repair
        bases = {kept.mode: kept.base}
    else:
        models, bases, repair, left_out = _variants(plain, source, io_types, options)
        recovered, recoveries = recover_modes(source, {mode: bases[mode] for mode in models}, outputs, options)
        bases |= recovered
        models |= {mode: base.quantized(mode, options) for mode, base in recovered.items()}
        notes += left_out
        scores = score_models(
            source,
            models,
            options,
            bases,
            lambda some: quantize_variants(some, io_types, options)[0],
            recovered=recovered,
        )
    artifacts = {
        mode: _pack(
            source,
            mode,
            model,
            _provenance(source, mode, model, kept, repair) | _recovery_facts(mode, recoveries),
            scores.get(mode, ()),
        )
        for mode, model in models.items()
    }
    for mode, artifact in artifacts.items():
        require_runs(check_targets(TfliteModel(artifact), options.targets), mode)
    # All variants are written at the end, so that a failure does not mix new variants with those of an older run.
    for mode, artifact in artifacts.items():
        write_bytes(outputs[mode], artifact)
    if not options.targets:
        notes += notes_on_support(models)
    return Conversion(
        models=tuple(
            _converted(mode, outputs[mode], artifacts[mode], models[mode], scores.get(mode, ())) for mode in artifacts
        ),
        keras_version=source.lowered.keras_version,
        batch=source.lowered.batch,
        task=source.task,
        pixel_ranges={name: how.value_range for name, how in source.preprocessing.items()},
        notes=(
            *source.lowered.notes,
            *source.notes,
            *notes,
            *([repair.describe()] if repair else []),
            *(recovery.describe() for recovery in recoveries),
            *_on_cross_fitting(source, is_calibrated=any(mode.needs_calibration for mode in models)),
        ),
        calibration=source.calibration.report if source.calibration and is_calibrated else None,
        random_calibration=is_calibrated and options.random_calibration,
        budget=kept.report if kept else None,
        repair=repair,
        recoveries=recoveries,
        doubts=(
            *source.lowered.warnings,
            *_on_weights(source.lowered),
            *larger_than_float(source.lowered.model, models),
        ),
        slower=_slower(source, models, options, bases, kept),
    )


def _slower(
    source: LoweredSource,
    models: Mapping[Mode, TargetedModel],
    options: ConversionOptions,
    bases: Mapping[Mode, FloatBase],
    kept: Kept | None,
) -> tuple[SlowerModel, ...]:
    """The converted models that are slower than the float model, timed on a golden example."""
    if source.golden_inputs is None:
        return ()
    recipe = kept.report.winner.recipe if kept else None
    own = recipe.float_operators if recipe else ()

    def quantize(mode: Mode, in_float: Collection[str]) -> TfliteModel:
        return bases[mode].quantized(mode, options, (*(own if mode.needs_calibration else ()), *in_float)).model

    finished = {mode: model.model for mode, model in models.items()}
    return slower_than_float(source.lowered.model, finished, source.golden_inputs.values, quantize)


def _variants(
    plain: FloatBase, source: LoweredSource, io_types: Mapping[Mode, IoType], options: ConversionOptions
) -> tuple[dict[Mode, TargetedModel], dict[Mode, FloatBase], RepairReport | None, list[str]]:
    """The model of each mode, the float model that it is made from, what was repaired, and what was left out."""
    bases = dict.fromkeys(io_types, plain)
    judged = _judged_repair(plain, source, io_types, options)
    made = {}
    if judged is not None:
        bases[Mode.INT8] = judged.base
        made = {} if judged.made is None else {Mode.INT8: judged.made}
    models, left_out = quantize_variants(bases, io_types, options, made=made)
    return models, bases, judged.report if judged else None, left_out


def _judged_repair(
    plain: FloatBase, source: LoweredSource, modes: Collection[Mode], options: ConversionOptions
) -> JudgedRepair | None:
    repaired = repaired_base(plain, source.calibration, modes, options)
    if repaired is None or source.calibration is None:
        return None
    return judge_repair(repaired, plain, source.calibration, options, source.task.as_claim())


def _recovered_before_search(
    plain: FloatBase, source: LoweredSource, outputs: Mapping[Mode, Path], options: ConversionOptions
) -> tuple[dict[Mode, FloatBase], tuple[RecoveryReport, ...]]:
    """Fine-tune the repaired model, or the plain one if that is better, so that a search starts from the result."""
    if options.recovery is None:
        return {}, ()
    bases = dict.fromkeys(outputs, plain)
    judged = _judged_repair(plain, source, outputs, options)
    if judged is not None:
        bases[Mode.INT8] = judged.base
    return recover_modes(source, bases, outputs, options)


def _recovery_facts(mode: Mode, recoveries: Sequence[RecoveryReport]) -> dict[str, Any]:
    used = [each for each in recoveries if each.mode == mode.value and each.is_selected]
    return {"recovery": used[0].facts()} if used else {}


def _on_cross_fitting(source: LoweredSource, *, is_calibrated: bool) -> tuple[str, ...]:
    """A note that explains how scarce data was used, for readers of a score or a budget."""
    calibration = source.calibration
    if calibration is None or not calibration.is_scarce or not is_calibrated:
        return ()
    return (
        "The data is too small to hold enough of it back, so models were judged by cross-fitting: models of the same "
        "recipe, calibrated on one half, were judged on the other half, in turn; the file itself was calibrated on "
        f"{counted(calibration.report.samples, 'example')} of the whole, and new data is needed to validate it.",
    )


def _on_weights(lowered: LoweredModel) -> tuple[str, ...]:
    if not lowered.defects:
        return ()
    return (f"Weights are NaN or infinite, and so will be predictions: {'; '.join(lowered.defects)}.",)


def _pack(
    source: LoweredSource,
    mode: Mode,
    model: TargetedModel,
    provenance: Mapping[str, Any],
    scores: Sequence[OutputScore],
) -> bytes:
    """Pack the artifact, with golden examples if the model's outputs are numbers that can be compared."""
    answers = [each for each in (source.head, source.ctc) if each is not None]
    manifest = Manifest(
        labels=source.labels,
        preprocessing=source.preprocessing,
        provenance={**provenance} | ({"scores": {score.output: score.facts() for score in scores}} if scores else {}),
        task=source.task.as_claim(),
        raw_preprocessing={name: raw.to_dict() for name, raw in source.raw_inputs.items()},
        decoding={kind: each for answer in answers for kind, each in answer.to_manifest().items()},
    )
    bearers = (*source.raw_inputs.values(), *answers)
    parts = {name: content for each in bearers for name, content in each.parts().items()}
    golden = None
    if source.golden_inputs is not None:
        golden = make_golden(
            model.model,
            source.golden_inputs.arrays,
            origin=source.golden_inputs.origin,
            preprocessing={**source.preprocessing, **source.raw_inputs},
            task=source.task,
            source_outputs=source.answers,
            decode=source.ctc.golden_answer
            if source.ctc
            else golden_answer(source.head, model.model.description, source.preprocessing),
        )
    if golden is None:
        return pack(model.model, manifest, name=source.path.stem, other_parts=parts)
    parity = {"parity": golden.parity} if golden.parity else {}
    manifest = manifest._replace(provenance={**manifest.provenance, "golden": golden.facts, **parity})
    return pack(model.model, manifest, golden.content, name=source.path.stem, other_parts=parts)


def _provenance(
    source: LoweredSource, mode: Mode, model: TargetedModel, kept: Kept | None, repair: RepairReport | None
) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "edgekit": __version__,
        "keras_version": source.lowered.keras_version,
        "quantize": mode.value,
        "source_sha256": source.sha256,
        **model.facts(),
    }
    if mode.needs_calibration:
        facts["calibration"] = source.calibration.report.facts() if source.calibration else "random"
    if kept is not None:
        facts["budget"] = kept.report.facts()
    if mode is Mode.INT8 and repair is not None and repair.is_selected:
        facts["repairs"] = repair.facts()
    return facts


def _converted(
    mode: Mode, path: Path, artifact: bytes, model: TargetedModel, scores: Sequence[OutputScore]
) -> ConvertedModel:
    _logger.info("%s: %d bytes by %s", mode.value, len(artifact), mode.record.path)
    return ConvertedModel(
        quantize=mode.value,
        path=path,
        size_bytes=len(artifact),
        sha256=hashlib.sha256(artifact).hexdigest(),
        made_by=mode.record.path,
        targets=model.targets,
        scores=tuple(scores),
    )
