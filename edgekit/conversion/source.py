"""Lowers a source to float and collects what all variants share: data, preprocessing, golden inputs."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from edgekit.artifacts.box_heads import BoxHead, find_head, usable_head
from edgekit.artifacts.ctc_output import CtcOutput, find_ctc_output
from edgekit.artifacts.golden import GoldenInputs, choose_golden_inputs
from edgekit.artifacts.training_record import TrainingRecord, read_training_record
from edgekit.calibration.data import CalibrationData, open_calibration_data
from edgekit.conversion.options import ConversionOptions
from edgekit.conversion.variants import outputs_of_finite_weights
from edgekit.datasets.model_inputs import (
    lowered_inputs,
    preprocessing_by_name,
    raw_claim,
    raw_inputs_by_name,
    with_tokenizer,
)
from edgekit.datasets.opening import DataRequest, ModelData, open_data, require_source
from edgekit.datasets.streams import ExampleStream
from edgekit.parity.ground_truth_kinds import data_claim, note_on_unused, require_agreement
from edgekit_converters.keras_files.summary import summarize
from edgekit_converters.lowering import LoweredModel, LoweringProcess, LoweringRequest, ModelInput
from edgekit_converters.packaging.golden_inputs import OPEN_SIZE
from edgekit_converters.quantization.modes import Mode
from edgekit_converters.quantization.wide_inputs import readers_of
from edgekit_converters.targets.adaptation import needs_fixed_batch
from edgekit_runtime.boxes.decoder import BoxDecoder
from edgekit_runtime.classification import class_count, labels_for
from edgekit_runtime.errors import ConversionError, EdgekitError, UsageError
from edgekit_runtime.inputs.preprocessing import Preprocessing
from edgekit_runtime.inputs.raw_inputs import RawInput
from edgekit_runtime.task import CLASSES, TRAINING, UNNAMED, Claim, Task
from edgekit_runtime.task_finding import find_task
from edgekit_runtime.text import TextInput, Tokenizer
from edgekit_runtime.tflite.description import ModelDescription

_logger = logging.getLogger(__name__)

#: Number of examples whose ground truth is examined to find the kinds of the outputs.
_LOOKED_AT = 64


@dataclass(frozen=True, slots=True)
class LoweredSource:
    """A lowered source, from which all variants are made.

    Attributes:
        path: Path of the source.
        sha256: SHA-256 of the source, in hex.
        lowered: The float model.
        inputs: Inputs of the model; images have their pixel range.
        task: Kinds of the inputs and outputs.
        labels: Class names from the user, the data or the training; empty if unknown.
        preprocessing: Preprocessing of each image input, by name.
        calibration: Examined data; None if neither calibration nor a budget needs data.
        golden_inputs: Inputs for the golden examples; None for a model whose inputs or outputs are text.
        answers: Outputs of the source model for the golden inputs, by name; None if it cannot be run.
        notes: Notes on a training record of another file, on the probable pixel range if none is specified, and on
            class names that are not used.
        head: How outputs become boxes; None if the model is not a detector.
        ctc: How the output becomes a transcript; None if the model was not trained with CTC.
    """

    path: Path
    sha256: str
    lowered: LoweredModel
    inputs: tuple[ModelInput, ...]
    task: Task
    labels: tuple[str, ...]
    preprocessing: Mapping[str, Preprocessing]
    calibration: CalibrationData | None
    golden_inputs: GoldenInputs | None
    answers: Mapping[str, np.ndarray] | None
    notes: tuple[str, ...]
    head: BoxHead | None = None
    ctc: CtcOutput | None = None

    @property
    def raw_inputs(self) -> dict[str, RawInput]:
        """How recordings or strings become an input, by input name."""
        return raw_inputs_by_name(self.inputs)

    @property
    def box_decoder(self) -> BoxDecoder | None:
        """How outputs become boxes; None if the model is not a detector."""
        return None if self.head is None else self.head.decoder(self.preprocessing)

    @property
    def float_operators(self) -> tuple[str, ...]:
        """Operators that stay in float in every integer mode because they read columns of very different ranges."""
        if self.calibration is None or not self.calibration.report.wide_inputs:
            return ()
        return readers_of(self.lowered.model.description, self.calibration.report.wide_inputs)


def lower_source(request: LoweringRequest, modes: Collection[Mode], options: ConversionOptions) -> LoweredSource:
    """Lower a source in a separate process and open its data.

    Args:
        request: The source and how to lower it.
        modes: Modes that the source will be converted to.
        options: Options for data, preprocessing, labels and targets.
    Raises:
        EdgekitError: The source or the data is missing, damaged or incompatible, or the number of the user's labels
            differs from the number of classes.
    """
    if options.data is not None:
        require_source(options.data, options.label_column)
    _require_matching_labels(request.source, options.labels)
    with LoweringProcess(replace(request, fixed_batch=needs_fixed_batch(options.targets))) as process:
        _import_what_comes_next(modes)
        lowered = process.result()
        own_inputs = lowered.inputs
        lowered = replace(lowered, inputs=_tokenized(own_inputs, options.tokenizer))
        _logger.info("lowered %s: %d bytes, batch %s", request.source, len(lowered.model), lowered.batch)
        # Modes that are impossible are reported before the data is examined.
        modes, _ = outputs_of_finite_weights(dict.fromkeys(modes, Path()), lowered, has_budget=bool(options.budget))
        _require_long_enough(lowered, options)
        record = read_training_record(request.source, lowered.source_sha256)
        description = lowered.model.description
        head = find_head(options.boxes, description)
        if head is not None:
            options = replace(options, claim=head.claimed(options.claim))
        options = replace(options, claim=options.sound.claimed(options.claim))
        task = _task(lowered, options, record, ground_truth=None)
        inputs = _inputs(lowered, task, options, record)
        preprocessing = preprocessing_by_name(inputs)
        calibration = _calibration_data(lowered, inputs, modes, options)
        data = calibration.data if calibration else _uncalibrated_data(inputs, options)
        held_back = data.held_back if data else None
        ground_truth = _ground_truth(held_back, options)
        task = _task(lowered, options, record, ground_truth=ground_truth)
        require_agreement(description, ground_truth or {}, task)
        golden_inputs, answers = None, None
        if not _has_text(description):
            golden_inputs = choose_golden_inputs(
                description, held_back, preprocessing, raw_inputs_by_name(inputs), seed=options.seed
            )
            answers = process.source_outputs(_source_inputs(own_inputs, golden_inputs))
    labels, labels_note = _labels(description, options, (data.labels if data else ()) or record.labels)
    pixels_note = _note_on_pixels(lowered, options, record)
    notes = (
        record.note,
        pixels_note,
        labels_note,
        _note_on_text(description),
        note_on_unused(ground_truth or {}, task),
    )
    return LoweredSource(
        path=request.source,
        sha256=lowered.source_sha256,
        lowered=lowered,
        inputs=inputs,
        task=task,
        labels=labels,
        preprocessing=preprocessing,
        calibration=calibration,
        golden_inputs=golden_inputs,
        answers=answers,
        notes=tuple(note for note in notes if note),
        head=usable_head(head, options.boxes, preprocessing),
        ctc=_ctc_output(options, lowered, golden_inputs),
    )


def _tokenized(inputs: tuple[ModelInput, ...], tokenizer: Tokenizer | None) -> tuple[ModelInput, ...]:
    own = [each.name for each in inputs if isinstance(each.raw, TextInput)]
    if own and tokenizer is not None:
        raise UsageError(
            "The model has a vocabulary of its own.",
            expected="a model that takes tokens",
            received=f"a layer of text behind the input {own[0]}",
            next_step="leave --vocabulary out",
        )
    return with_tokenizer(inputs, tokenizer)


def _source_inputs(inputs: Sequence[ModelInput], golden_inputs: GoldenInputs) -> dict[str, np.ndarray]:
    """The golden inputs for the source model; texts as they are if the source itself prepares them."""
    raw = raw_inputs_by_name(inputs)
    named = zip(golden_inputs.values, golden_inputs.arrays, strict=True)
    texts = {name: array for name, array in named if isinstance(raw.get(name), TextInput)}
    return {**golden_inputs.values, **texts}


def _ctc_output(
    options: ConversionOptions, lowered: LoweredModel, golden_inputs: GoldenInputs | None
) -> CtcOutput | None:
    if options.ctc is None or golden_inputs is None:
        return None
    return find_ctc_output(options.ctc, lowered.model, golden_inputs.values)


def _require_matching_labels(source: Path, labels: tuple[str, ...]) -> None:
    """Compare the number of the user's labels with the outputs of a Keras file before Keras loads it.

    Raises:
        UsageError: The number of labels differs from the number of classes.
    """
    if not labels or not source.is_file():
        return
    try:
        outputs = summarize(source).outputs
    except EdgekitError:
        # The file has another format, or the conversion will refuse it with a more specific error.
        return
    # Only Keras can infer open sizes.
    shapes = [tuple(size or 0 for size in output.shape or ()) for output in outputs]
    if classes := class_count(shapes):
        labels_for(labels, classes)


def _has_text(description: ModelDescription) -> bool:
    return any(tensor.dtype == "string" for tensor in (*description.inputs, *description.outputs))


def _note_on_text(description: ModelDescription) -> str:
    if not _has_text(description):
        return ""
    return (
        "The model takes or gives text, which edgekit_runtime does not pass: run it with LiteRT itself. It carries no "
        "golden examples."
    )


def _require_long_enough(lowered: LoweredModel, options: ConversionOptions) -> None:
    """Refuse generated inputs that are too short for the model.

    Raises:
        ConversionError: The model's output for them is empty.
    """
    if options.data is None and lowered.shape_to_try:
        shape = ",".join(map(str, lowered.shape_to_try))
        raise ConversionError(
            f"The model leaves a size of its input open; at {OPEN_SIZE}, which edgekit makes up, its output is empty.",
            received=f"an input of shape {tuple(lowered.inputs[0].shape)}",
            next_step=f"pass --input-shape {shape}, or the length that the model is used with",
        )


def _import_what_comes_next(modes: Collection[Mode]) -> None:
    """Import slow packages while TensorFlow starts in the child process; on two cores this takes no extra time."""
    if any(mode is not Mode.NONE for mode in modes):
        import litert_quantizer.quantizer  # noqa: F401
    if any(mode.needs_calibration for mode in modes):
        import sklearn.model_selection  # noqa: F401


def _calibration_data(
    lowered: LoweredModel, inputs: Sequence[ModelInput], modes: Collection[Mode], options: ConversionOptions
) -> CalibrationData | None:
    is_judged = options.budget is not None or options.recovery is not None
    if options.data is None or not (is_judged or any(mode.needs_calibration for mode in modes)):
        return None
    return open_calibration_data(
        DataRequest(options.data, options.seed, options.label_column),
        lowered.model,
        inputs,
        samples=options.samples,
        is_range_known=bool(options.pixel_ranges) or lowered.rescales_pixels,
        labels=options.labels,
        claim=options.claim,
    )


def _uncalibrated_data(inputs: Sequence[ModelInput], options: ConversionOptions) -> ModelData | None:
    """The user's data if nothing is calibrated, which provides golden examples and class names."""
    if options.data is None:
        return None
    request = DataRequest(options.data, options.seed, options.label_column)
    return open_data(request, inputs, labels=options.labels)


def _inputs(
    lowered: LoweredModel, task: Task, options: ConversionOptions, record: TrainingRecord
) -> tuple[ModelInput, ...]:
    """The model's inputs, with the pixel range of images from the user, the training or the model, in this order."""
    recorded = {UNNAMED: record.preprocessing} if record.preprocessing is not None else {}
    inputs = options.sound.applied_to(lowered_inputs(lowered, task, given=options.pixel_ranges, known=recorded))
    if not options.image_options.given:
        return inputs
    images = preprocessing_by_name(inputs)
    applied = options.image_options.applied_to(next(iter(images.values())) if len(images) == 1 else None)
    return tuple(replace(each, pixels=applied) if each.name in images else each for each in inputs)


def _task(
    lowered: LoweredModel,
    options: ConversionOptions,
    record: TrainingRecord,
    ground_truth: Mapping[str, np.ndarray] | None,
) -> Task:
    """The kinds of inputs and outputs, from the user, the training, the ground truth and the model, in this order."""
    description = lowered.model.description
    known = Claim(TRAINING, outputs={UNNAMED: CLASSES} if record.labels else {})
    claims = [options.claim, raw_claim(raw_inputs_by_name(lowered.inputs)), known]
    if ground_truth is not None:
        claims.append(data_claim(description, ground_truth))
    return find_task(description, claims, label_count=len(options.labels))


def _ground_truth(held_back: ExampleStream | None, options: ConversionOptions) -> Mapping[str, np.ndarray] | None:
    """The ground truth of a few examples, by output name; None if there are no examples."""
    if held_back is None:
        return None
    first = next(iter(held_back.sample(_LOOKED_AT, seed=options.seed).batches(_LOOKED_AT)), None)
    return None if first is None else first.ground_truth


def _labels(
    description: ModelDescription, options: ConversionOptions, known: tuple[str, ...]
) -> tuple[tuple[str, ...], str]:
    """The class names, and a sentence if their number differs from the model's classes, so that they are not used.

    Raises:
        UsageError: The number of the user's labels differs from the number of classes.
    """
    classes = class_count([output.shape for output in description.outputs])
    if not classes:
        return options.labels or known, ""
    if options.labels:
        return labels_for(options.labels, classes), ""
    if len(known) in (0, classes):
        return known, ""
    return (), (
        f"The data has {len(known)} classes and the model {classes}: the data's names were left out. Names come with"
        f" --labels, a text file of {classes} lines in the order of training."
    )


def _note_on_pixels(lowered: LoweredModel, options: ConversionOptions, record: TrainingRecord) -> str:
    is_known = options.pixel_ranges or options.image_options.given or lowered.rescales_pixels or record.preprocessing
    return "" if is_known else lowered.application_note
