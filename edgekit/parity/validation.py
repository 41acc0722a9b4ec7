"""``edgekit validate`` as a function: does the .tflite still answer as the Keras model does?"""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

import edgekit_runtime
from edgekit.datasets import load_dataset
from edgekit.datasets.model_inputs import DEFAULT_PIXEL_RANGE, image_preprocessing, to_model_input
from edgekit.parity.agreement import Agreement, compare
from edgekit.parity.predictions import reference_predictor
from edgekit_runtime.errors import BelowThresholdError, DataError, ModelFileError

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
class Validation:
    """The result, with the thresholds that it was judged by.

    Attributes:
        reference: The Keras file.
        candidate: The .tflite.
        agreement: The figures.
        thresholds: The limits.
        failures: A sentence for each limit that was missed.
    """

    reference: Path
    candidate: Path
    agreement: Agreement
    thresholds: Thresholds
    failures: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain values."""
        return {
            "reference": str(self.reference),
            "candidate": str(self.candidate),
            "agreement": self.agreement.to_dict(),
            "thresholds": asdict(self.thresholds),
            "failures": list(self.failures),
            "passed": not self.failures,
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
    seed: int = 0,
    pixel_range: tuple[float, float] | None = None,
) -> Validation:
    """Compare a .tflite with the model it came from, on the data set's held-back examples.

    Args:
        reference: Keras file, or another .tflite.
        candidate: The .tflite to judge.
        data: Data set, by name or path.
        thresholds: What must hold.
        seed: Seed of the data set's split into training and test.
        pixel_range: Real values of pixels 0 and 255; None takes the one packed into ``candidate``.
    Raises:
        EdgekitError: A file is missing or damaged, or the data does not fit.
    """
    device = edgekit_runtime.load(candidate)
    shape, dtype, predict = reference_predictor(reference)
    if len(device.inputs) != 1 or len(device.outputs) != 1:
        raise ModelFileError(
            f"{candidate.name} has {len(device.inputs)} inputs and {len(device.outputs)} outputs.",
            expected="one input and one output, as a data set has",
        )
    pixels = pixel_range or device.preprocessing or DEFAULT_PIXEL_RANGE
    image = image_preprocessing(shape, pixels)
    if image is None:
        dataset = load_dataset(data, seed=seed)
    else:
        size = (image.height, image.width)
        dataset = load_dataset(data, seed=seed, image_size=size, channels=image.channels)
    inputs = to_model_input(dataset.x_test, shape, dtype, pixels)
    if not len(inputs):
        raise DataError(f"{data} has no held-back examples to compare on.")
    _logger.info("comparing on %d held-back examples, pictures as %s", len(inputs), image)
    agreement = compare(predict(inputs), np.asarray(device.predict(inputs)), dataset.y_test)
    return Validation(reference, candidate, agreement, thresholds, failures(agreement, thresholds))


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


def _required(figure: float | None, problem: str) -> float:
    if figure is None:
        raise DataError(problem, next_step="leave the threshold out; the errors are reported all the same")
    return figure
