"""``edgekit validate`` as a function: does the .tflite still answer as the model it was made from?"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgekit.datasets.model_inputs import DEFAULT_PIXEL_RANGE, PixelRange, image_preprocessing
from edgekit.datasets.opening import DataRequest, open_data
from edgekit.datasets.streams import Batch
from edgekit.parity.agreement import Agreement
from edgekit.parity.output_tally import OutputTally
from edgekit.parity.pixels import as_images
from edgekit.parity.predictors import BATCH, Predictor, matched, open_predictor
from edgekit.parity.results import OutputParity
from edgekit_runtime.errors import BelowThresholdError, DataError

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Thresholds:
    """What a candidate must reach.

    Attributes:
        max_drop: Largest drop of the top-1 accuracy, an absolute fraction; None for no limit.
        min_agreement: Least share of equal answers, a fraction; None for no limit.
    """

    max_drop: float | None = None
    min_agreement: float | None = None


@dataclass(frozen=True, slots=True)
class ValidationOptions:
    """How to compare.

    Attributes:
        seed: Seed of what is held back, of a choice of examples and of the bootstrap.
        everything: Compare on all of the data, not only on the part that is held back.
        samples: Compare on so many examples at most; None for all.
        pixel_range: Real values of pixels 0 and 255; None takes those packed into the candidate.
        label_column: Column of labels where the data is a table; None finds it.
        slice_by: What says which slice an example belongs to; None for no slices.
        top_k: How many of the highest scores may hold the right class.
    """

    seed: int = 0
    everything: bool = False
    samples: int | None = None
    pixel_range: tuple[float, float] | None = None
    label_column: str | None = None
    slice_by: str | None = None
    top_k: int = 5


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
    progress: Callable[[int], None] | None = None,
) -> Validation:
    """Compare a .tflite with the model it came from; the data is read a batch at a time.

    Args:
        reference: Keras file, or another .tflite.
        candidate: The .tflite to judge.
        data: Data, by name, path or ``python:module:function``.
        thresholds: What must hold.
        options: How to compare.
        progress: Told how many more examples are done.
    Raises:
        EdgekitError: A file is missing or damaged, or the data does not fit.
    """
    options = options or ValidationOptions()
    # The candidate first: a damaged .tflite is told without waiting for TensorFlow.
    judged = open_predictor(candidate)
    models = open_predictor(reference), judged
    pixels = options.pixel_range or models[1].pixels or models[0].pixels or DEFAULT_PIXEL_RANGE
    labels = models[1].labels or models[0].labels
    request = DataRequest(data, options.seed, options.label_column, options.slice_by)
    opened = open_data(request, models[0].inputs, pixel_range=pixels, labels=labels)
    stream = opened.everything if options.everything else opened.held_back
    if options.samples is not None:
        stream = stream.sample(options.samples, seed=options.seed)
    comparison = _Comparison(models, pixels, labels or opened.labels, options)
    for batch in stream.batches(BATCH):
        comparison.add(batch)
        if progress is not None:
            progress(len(batch))
    if not comparison.samples:
        raise DataError(
            f"{data} has no {'' if options.everything else 'held-back '}examples to compare on.",
            next_step="pass --everything" if not options.everything else "pass data with examples",
        )
    _logger.info("compared on %d examples", comparison.samples)
    outputs = comparison.outputs()
    return Validation(
        reference=reference,
        candidate=candidate,
        data=data,
        data_sha256=stream.digest,
        samples=comparison.samples,
        outputs=outputs,
        thresholds=thresholds,
        failures=tuple(missed for output in outputs for missed in failures(summary(output), thresholds)),
        notes=stream.notes,
    )


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


class _Comparison:
    """Both models' answers to a stream, added up."""

    def __init__(
        self,
        models: tuple[Predictor, Predictor],
        pixels: PixelRange,
        labels: tuple[str, ...],
        options: ValidationOptions,
    ) -> None:
        self._models = models
        reference, candidate = models
        self._inputs = matched([x.name for x in reference.inputs], [x.name for x in candidate.inputs], "inputs")
        self._outputs = matched(reference.outputs, candidate.outputs, "outputs")
        self._pixels = pixels
        self._tallies = {name: OutputTally(name, labels, options.top_k, options.seed) for name in reference.outputs}
        self.samples = 0

    def add(self, batch: Batch) -> None:
        """Ask both models."""
        reference, candidate = self._models
        answers = reference.predict(batch.inputs)
        judged = candidate.predict({self._inputs[name]: values for name, values in batch.inputs.items()})
        images = self._images(batch)
        for name, tally in self._tallies.items():
            targets = batch.targets.get(name, batch.y if len(self._tallies) == 1 else None)
            values = answers[name], judged[self._outputs[name]]
            tally.add(values, targets, batch.names, groups=batch.groups, images=images)
        self.samples += len(batch)

    def outputs(self) -> tuple[OutputParity, ...]:
        """The figures of each output."""
        return tuple(tally.result() for tally in self._tallies.values())

    def _images(self, batch: Batch) -> Callable[[np.ndarray], np.ndarray] | None:
        """Gives images of a batch, where one of the inputs takes images."""
        for values in batch.inputs.values():
            preprocessing = image_preprocessing(values.shape, self._pixels)
            if preprocessing is not None:
                return lambda rows: as_images(values[rows], preprocessing)
        return None


def _required(figure: float | None, problem: str) -> float:
    if figure is None:
        raise DataError(problem, next_step="leave the threshold out; the errors are reported all the same")
    return figure
