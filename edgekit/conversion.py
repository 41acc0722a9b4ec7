"""A Keras file or SavedModel to one or more packed .tflite files."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from edgekit import __version__
from edgekit.budget.keeping import Kept, convert_within_budget
from edgekit.budget.report import BudgetReport
from edgekit.budget.request import BudgetRequest
from edgekit.calibration.data import CalibrationData, CalibrationReport, open_calibration_data
from edgekit.datasets.model_inputs import DEFAULT_PIXEL_RANGE, image_preprocessing
from edgekit.datasets.opening import DataRequest, open_data
from edgekit.datasets.pictures import PictureOptions
from edgekit.golden import GoldenInputs, choose_golden_inputs
from edgekit.quantizing import RANDOM_CALIBRATION_WARNING, io_types_of, measured_ranges
from edgekit.targeting import fitting_outputs, notes_on_support
from edgekit.training.record import TrainingRecord, read_training_record
from edgekit_converters.atomic_files import write_bytes
from edgekit_converters.lowering import LoweredModel, LoweringProcess, LoweringRequest
from edgekit_converters.packaging.artifact import pack
from edgekit_converters.packaging.golden_examples import make_golden
from edgekit_converters.quantization.modes import IoType, Mode, Scheme
from edgekit_converters.quantization.paths import PATHS, QuantizationPath
from edgekit_converters.targets.adaptation import (
    TargetedModel,
    TargetRefusalError,
    needs_fixed_batch,
    quantize_for_targets,
    require_runs,
)
from edgekit_converters.targets.check import check_targets
from edgekit_runtime.manifest import Manifest
from edgekit_runtime.preprocessing import Preprocessing
from edgekit_runtime.structure import read_model_description

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ConversionOptions:
    """How to convert.

    Attributes:
        io: Type of inputs and outputs of the variants that can have it.
        scheme: How many scales integer weights have.
        data: Data set for calibration, by name or path.
        random_calibration: Calibrate on noise instead; marks what is made.
        samples: How many examples calibration takes, at most.
        seed: Seed of the choice of these examples.
        label_column: Column of labels where the data is a table; None finds it.
        pixel_range: Real values of pixels 0 and 255; None takes the model's own.
        pictures: What else is known of how pictures become the model's input.
        labels: Names of the classes; empty takes the data set's.
        targets: Names of the runtimes that every file has to run on.
        budget: How much accuracy may be lost; with one, of all modes asked for only the model taken is written.
    """

    io: IoType = IoType.FLOAT32
    scheme: Scheme = Scheme.PER_CHANNEL
    data: str | None = None
    random_calibration: bool = False
    samples: int = 256
    seed: int = 0
    label_column: str | None = None
    pixel_range: tuple[float, float] | None = None
    pictures: PictureOptions = field(default_factory=PictureOptions)
    labels: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    budget: BudgetRequest | None = None


@dataclass(frozen=True, slots=True)
class ConvertedModel:
    """One file that was written.

    Attributes:
        quantize: The mode.
        path: The file.
        size_bytes: Its size.
        sha256: Its digest.
        made_by: The tool that made it, and why that one.
        targets: The targets that it runs on, as far as its operators tell.
    """

    quantize: str
    path: Path
    size_bytes: int
    sha256: str
    made_by: QuantizationPath
    targets: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain values."""
        return asdict(self) | {"path": str(self.path)}


@dataclass(frozen=True, slots=True)
class Conversion:
    """What a conversion made and what it has to say.

    Attributes:
        models: The files, in the order they were asked for.
        keras_version: Version of Keras that wrote the source; empty for a SavedModel.
        batch: "dynamic" or "1".
        pixel_range: Real values of pixels 0 and 255 at the input; None where it takes no pictures.
        notes: Sentences for the user.
        calibration: What was calibrated on; None where nothing was.
        random_calibration: Whether noise took the place of data.
        budget: What came of the budget; None where there is none.
    """

    models: tuple[ConvertedModel, ...]
    keras_version: str
    batch: str
    pixel_range: tuple[float, float] | None
    notes: tuple[str, ...]
    calibration: CalibrationReport | None = None
    random_calibration: bool = False
    budget: BudgetReport | None = None

    @property
    def warnings(self) -> tuple[str, ...]:
        """Sentences for what is probably not meant."""
        if self.random_calibration:
            return (RANDOM_CALIBRATION_WARNING,)
        return self.calibration.warnings if self.calibration else ()

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain values; the notes hold the warnings, too."""
        return asdict(self) | {
            "models": [model.to_dict() for model in self.models],
            "notes": [*self.notes, *self.warnings],
            "budget": self.budget.to_dict() if self.budget else None,
        }


def convert(request: LoweringRequest, outputs: Mapping[Mode, Path], options: ConversionOptions) -> Conversion:
    """Convert one source to every mode in ``outputs``; the same arguments give the same bytes.

    Args:
        request: The source and how to lower it.
        outputs: Where to write each mode; with a budget, where to write it if it is the one taken.
        options: Calibration, types, labels, the budget.
    Raises:
        EdgekitError: The source, the data, the options or a target are unfit; nothing was written then. Of several
            variants, those that a target cannot run are left out with a note.
    """
    outputs, notes = fitting_outputs(outputs, options.targets)
    io_types = io_types_of(
        outputs, options.io, has_data=options.data is not None, random_calibration=options.random_calibration
    )
    is_calibrated = any(mode.needs_calibration for mode in outputs)
    with LoweringProcess(replace(request, fixed_batch=needs_fixed_batch(options.targets))) as process:
        _import_what_comes_next(outputs)
        lowered = process.result()
        _logger.info("lowered %s: %d bytes, batch %s", request.source, len(lowered.model), lowered.batch)
        pixel_range = _pixel_range(lowered, options)
        record = read_training_record(request.source)
        preprocessing = _preprocessing(lowered, options, pixel_range, record)
        needs_data = options.data is not None and (is_calibrated or options.budget is not None)
        calibration = _calibration_data(lowered, options, preprocessing) if needs_data else None
        golden_inputs = _golden_inputs(lowered, options, preprocessing, calibration)
        source_outputs = process.source_outputs(golden_inputs.values)
    ranges = None
    if is_calibrated:
        value_range = None if preprocessing is None else preprocessing.value_range
        ranges = measured_ranges(
            lowered, calibration, samples=options.samples, seed=options.seed, pixel_range=value_range
        )
    kept: Kept | None = None
    if calibration is not None and options.budget is not None:
        kept = convert_within_budget(lowered.model, outputs, options, calibration, ranges)
        outputs = {kept.mode: kept.path}
    source_sha256 = digest(request.source)
    models: list[tuple[Mode, Path, bytes]] = []
    made: dict[Mode, TargetedModel] = {}
    for mode, path in outputs.items():
        start = time.perf_counter()
        try:
            made[mode] = (
                kept.made
                if kept
                else quantize_for_targets(
                    lowered.model, mode, options.targets, io=io_types[mode], scheme=options.scheme, ranges=ranges
                )
            )
        except TargetRefusalError as refusal:
            if mode is [*outputs][-1] and not models:
                raise
            notes.append(f"{mode.value} was left out: {refusal.problem}")
            continue
        provenance: dict[str, Any] = {
            "edgekit": __version__,
            "keras_version": lowered.keras_version,
            "quantize": mode.value,
            "source_sha256": source_sha256,
            **made[mode].facts(),
        }
        if mode.needs_calibration:
            provenance["calibration"] = calibration.report.facts() if calibration else "random"
        if kept is not None:
            provenance["budget"] = kept.report.facts()
        manifest = Manifest(
            labels=options.labels or (calibration.data.labels if calibration else record.labels),
            preprocessing=preprocessing,
            provenance=provenance,
        )
        content = _packed(made[mode].content, manifest, golden_inputs, source_outputs, request.source.stem)
        _logger.info("%s: %d bytes in %.2f s by %s", mode.value, len(content), time.perf_counter() - start, PATHS[mode])
        require_runs(check_targets(content, options.targets), mode)
        models.append((mode, path, content))
    # Written at the end, so that a failure leaves no variant of another run beside an older one.
    for _, path, content in models:
        write_bytes(path, content)
    return Conversion(
        models=tuple(
            ConvertedModel(
                quantize=mode.value,
                path=path,
                size_bytes=len(content),
                sha256=hashlib.sha256(content).hexdigest(),
                made_by=PATHS[mode],
                targets=made[mode].targets,
            )
            for mode, path, content in models
        ),
        keras_version=lowered.keras_version,
        batch=lowered.batch,
        pixel_range=pixel_range,
        notes=(
            *lowered.notes,
            *_note_on_pixels(lowered, options, record),
            *notes,
            *([] if options.targets else notes_on_support(made)),
        ),
        calibration=calibration.report if calibration and is_calibrated else None,
        random_calibration=is_calibrated and options.random_calibration,
        budget=kept.report if kept else None,
    )


def _golden_inputs(
    lowered: LoweredModel,
    options: ConversionOptions,
    preprocessing: Preprocessing | None,
    calibration: CalibrationData | None,
) -> GoldenInputs:
    """Inputs for golden examples, from the data's held-back part where there is data."""
    data = None
    if calibration is not None:
        data = calibration.data.held_back
    elif options.data is not None:
        request = DataRequest(options.data, options.seed, options.label_column)
        data = open_data(request, lowered.inputs, pixel_range=preprocessing, labels=options.labels).held_back
    return choose_golden_inputs(read_model_description(lowered.model), data, preprocessing, seed=options.seed)


def _packed(
    model: bytes,
    manifest: Manifest,
    golden_inputs: GoldenInputs,
    source_outputs: Mapping[str, np.ndarray] | None,
    name: str,
) -> bytes:
    """The artifact, with golden examples where the model gives numbers that can be compared."""
    golden = make_golden(
        model,
        golden_inputs.arrays,
        origin=golden_inputs.origin,
        preprocessing=manifest.preprocessing,
        source_outputs=source_outputs,
    )
    if golden is None:
        return pack(model, manifest, name=name)
    parity = {"parity": golden.parity} if golden.parity else {}
    manifest = manifest._replace(provenance={**manifest.provenance, "golden": golden.facts, **parity})
    return pack(model, manifest, golden.content, name=name)


def _import_what_comes_next(outputs: Mapping[Mode, Path]) -> None:
    """Load slow packages while TensorFlow starts in the child: on two cores that takes no time."""
    if any(mode is not Mode.NONE for mode in outputs):
        import litert_quantizer.quantizer  # noqa: F401
    if any(mode.needs_calibration for mode in outputs):
        import sklearn.model_selection  # noqa: F401


def digest(source: Path) -> str:
    """SHA-256 of a file, or of all files of a folder with their names."""
    if source.is_file():
        return hashlib.sha256(source.read_bytes()).hexdigest()
    whole = hashlib.sha256()
    for file in sorted(path for path in source.rglob("*") if path.is_file()):
        whole.update(str(file.relative_to(source)).encode() + b"\0" + hashlib.sha256(file.read_bytes()).digest())
    return whole.hexdigest()


def _calibration_data(
    lowered: LoweredModel, options: ConversionOptions, preprocessing: Preprocessing | None
) -> CalibrationData:
    request = DataRequest(options.data or "", options.seed, options.label_column)
    return open_calibration_data(
        request,
        lowered,
        samples=options.samples,
        preprocessing=preprocessing,
        is_range_known=options.pixel_range is not None or lowered.rescales_pixels,
        labels=options.labels,
    )


def _preprocessing(
    lowered: LoweredModel,
    options: ConversionOptions,
    pixel_range: tuple[float, float] | None,
    record: TrainingRecord,
) -> Preprocessing | None:
    """How pictures become the model's input, by the user, its training and the model; None where it takes none."""
    known = record.preprocessing if options.pixel_range is None else None
    usual = None if pixel_range is None else image_preprocessing(lowered.inputs[0].shape, known or pixel_range)
    return options.pictures.applied_to(usual)


def _note_on_pixels(lowered: LoweredModel, options: ConversionOptions, record: TrainingRecord) -> list[str]:
    """How the model may want its pixels, where nothing and nobody says so."""
    is_known = options.pixel_range or options.pictures.given or lowered.rescales_pixels or record.preprocessing
    return [] if is_known or not lowered.application_note else [lowered.application_note]


def _pixel_range(lowered: LoweredModel, options: ConversionOptions) -> tuple[float, float] | None:
    """The user's range, else the model's own, for a model that takes pictures."""
    if image_preprocessing(lowered.inputs[0].shape, DEFAULT_PIXEL_RANGE) is None:
        return None
    if options.pixel_range is not None:
        return options.pixel_range
    return (0.0, 255.0) if lowered.rescales_pixels else DEFAULT_PIXEL_RANGE
