"""``edgekit validate`` as a function: does the .tflite still answer as the model it was made from?"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgekit.datasets.model_inputs import DEFAULT_PIXEL_RANGE, PixelRange, image_preprocessing, with_range
from edgekit.datasets.opening import DataRequest, open_data
from edgekit.datasets.streams import Batch
from edgekit.parity.agreement import Agreement
from edgekit.parity.comparison import Comparison
from edgekit.parity.options import Thresholds, ValidationOptions
from edgekit.parity.pixels import as_images
from edgekit.parity.predictors import batch_size, open_predictor
from edgekit.parity.results import OutputParity
from edgekit_runtime.errors import BelowThresholdError, DataError

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Validation:
    """The result, with the thresholds that it was judged by.

    Attributes:
        reference: The Keras file, or the .tflite compared with.
        candidate: The .tflite that is judged.
        data: What the user called the data.
        data_sha256: Digest of the examples compared on, and of their labels.
        samples: Number of these.
        outputs: The figures of each output.
        thresholds: The limits.
        failures: A sentence for each limit that was missed.
        notes: What reading did to the examples.
    """

    reference: Path
    candidate: Path
    data: str
    data_sha256: str
    samples: int
    outputs: tuple[OutputParity, ...]
    thresholds: Thresholds
    failures: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def agreement(self) -> Agreement:
        """The figures of the first output in short."""
        return summary(self.outputs[0])

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain values."""
        return {
            "reference": str(self.reference),
            "candidate": str(self.candidate),
            "data": {"name": self.data, "sha256": self.data_sha256, "samples": self.samples},
            "agreement": self.agreement.to_dict(),
            "outputs": [output.to_dict() for output in self.outputs],
            "thresholds": asdict(self.thresholds),
            "failures": list(self.failures),
            "passed": not self.failures,
            "notes": list(self.notes),
        }

    def require_passed(self) -> None:
        """Raise where a limit was missed.

        Raises:
            BelowThresholdError: With a sentence for each limit.
        """
        if self.failures:
            raise BelowThresholdError(
                f"{self.candidate.name} misses a threshold.",
                received="; ".join(self.failures),
                next_step="try --quantize dynamic or float16, or calibrate on more and closer data",
            )


def validate(
    reference: Path,
    candidate: Path,
    data: str,
    *,
    thresholds: Thresholds,
    options: ValidationOptions | None = None,
) -> Validation:
    """Compare a .tflite with the model it came from; see :func:`validate_all`."""
    return validate_all(reference, [candidate], data, thresholds=thresholds, options=options)[0]


def validate_all(
    reference: Path,
    candidates: Sequence[Path],
    data: str,
    *,
    thresholds: Thresholds,
    options: ValidationOptions | None = None,
    progress: Callable[[int], None] | None = None,
) -> tuple[Validation, ...]:
    """Compare .tflite files with the model they came from, which is asked once; the data is read batch by batch.

    Args:
        reference: Keras file, PyTorch program, or another .tflite.
        candidates: The .tflite files to judge, of one kind of input and the same labels.
        data: Data, by name, path or ``python:module:function``.
        thresholds: What must hold for each.
        options: How to compare.
        progress: Told how many more examples are done.
    Raises:
        EdgekitError: A file is missing or damaged, or the data does not fit.
    """
    options = options or ValidationOptions()
    # The candidates first: a damaged .tflite is told without waiting for TensorFlow.
    judged = [open_predictor(path) for path in candidates]
    model = open_predictor(reference, judged[0].inputs)
    pixels = with_range(options.pixel_range, judged[0].pixels or model.pixels) or DEFAULT_PIXEL_RANGE
    labels = judged[0].labels or model.labels
    request = DataRequest(data, options.seed, options.label_column, options.slice_by)
    opened = open_data(request, model.inputs, pixel_range=pixels, labels=labels)
    stream = opened.everything if options.everything else opened.held_back
    if options.samples is not None:
        stream = stream.sample(options.samples, seed=options.seed)
    comparisons = [Comparison(model, each, labels or opened.labels, options) for each in judged]
    samples = 0
    for batch in stream.batches(batch_size(model.inputs)):
        answers = model.predict(batch.inputs)
        for comparison in comparisons:
            comparison.add(batch, answers, images=_images(batch, pixels))
        samples += len(batch)
        if progress is not None:
            progress(len(batch))
    if not samples:
        raise DataError(
            f"{data} has no {'' if options.everything else 'held-back '}examples to compare on.",
            next_step="pass data with examples" if options.everything else "pass --everything",
        )
    _logger.info("compared on %d examples", samples)
    digest, notes = stream.digest, stream.notes
    results = [comparison.outputs() for comparison in comparisons]
    return tuple(
        Validation(reference, path, data, digest, samples, outputs, thresholds, _missed(outputs, thresholds), notes)
        for path, outputs in zip(candidates, results, strict=True)
    )


def _missed(outputs: tuple[OutputParity, ...], thresholds: Thresholds) -> tuple[str, ...]:
    return tuple(sentence for output in outputs for sentence in failures(summary(output), thresholds))


def summary(output: OutputParity) -> Agreement:
    """One output's figures in short."""
    classes = output.classification
    labelled = classes.labelled if classes else None
    return Agreement(
        samples=output.errors.samples,
        reference_top1=labelled.reference_top1 if labelled else None,
        candidate_top1=labelled.candidate_top1 if labelled else None,
        accuracy_drop=labelled.accuracy_drop if labelled else None,
        top1_agreement=classes.top1_agreement if classes else None,
        max_absolute_error=output.errors.max_absolute_error,
        mean_absolute_error=output.errors.mean_absolute_error,
    )


def failures(agreement: Agreement, thresholds: Thresholds) -> tuple[str, ...]:
    """A sentence for each threshold that the figures miss.

    Raises:
        DataError: A threshold needs a figure that these models do not have.
    """
    missed = []
    if thresholds.max_drop is not None:
        drop = _required(agreement.accuracy_drop, "--max-drop needs a classifier and data with labels.")
        if drop > thresholds.max_drop:
            missed.append(f"top-1 drops by {drop:.4f}, allowed {thresholds.max_drop:.4f}")
    if thresholds.min_agreement is not None:
        share = _required(agreement.top1_agreement, "--min-agreement needs a classifier.")
        if share < thresholds.min_agreement:
            missed.append(f"top-1 agreement is {share:.4f}, needed {thresholds.min_agreement:.4f}")
    return tuple(missed)


def _images(batch: Batch, pixels: PixelRange) -> Callable[[np.ndarray], np.ndarray] | None:
    """Gives images of a batch, where one of the inputs takes images."""
    for values in batch.inputs.values():
        preprocessing = image_preprocessing(values.shape, pixels)
        if preprocessing is not None:
            return lambda rows: as_images(values[rows], preprocessing)
    return None


def _required(figure: float | None, problem: str) -> float:
    if figure is None:
        raise DataError(problem, next_step="leave the threshold out; the errors are reported all the same")
    return figure
