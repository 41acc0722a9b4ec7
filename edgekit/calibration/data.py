"""Opens calibration data for a lowered model, examines it, and yields it one example at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

import edgekit_runtime
from edgekit.calibration.plausibility import Plausibility, examine, range_warning
from edgekit.calibration.survey import Survey
from edgekit.datasets.model_inputs import PixelRange
from edgekit.datasets.opening import DataRequest, ModelData, open_data
from edgekit.datasets.streams import ExampleStream
from edgekit.parity.ground_truth_kinds import data_claim
from edgekit.progress import progress_bar
from edgekit_converters.lowering import ModelInput
from edgekit_runtime.inputs.preprocessing import Preprocessing
from edgekit_runtime.model import Model
from edgekit_runtime.task import NOTHING_SAID, UNNAMED, Claim
from edgekit_runtime.task_finding import find_task
from edgekit_runtime.tflite.tflite_model import TfliteModel

#: Number of examples per batch.
_BATCH = 32
#: Maximum number of examples that the float model predicts before calibration.
_EXAMINED = 128
#: With fewer held-back examples than this, a judgement is unreliable.
_FEWEST_HELD_BACK = 100


@dataclass(frozen=True, slots=True)
class CalibrationReport:
    """Properties of the calibration data.

    Attributes:
        data: Name of the data, as given by the user.
        samples: Number of examples used for calibration.
        data_sha256: SHA-256 of these examples.
        classes: Number of classes among them; None without ground truth.
        value_range: Smallest and largest value of each input, by name.
        float_top1: Top-1 accuracy of the float model on up to 128 of the examples, a fraction; None if it is undefined.
        wide_inputs: Inputs whose columns differ too much in range for a single int8 scale.
        notes: Sentences about changes made to the examples, such as truncated recordings.
        warnings: Sentences about probable mistakes.
    """

    data: str
    samples: int
    data_sha256: str
    classes: int | None
    value_range: dict[str, tuple[float, float]]
    float_top1: float | None
    wide_inputs: tuple[str, ...]
    notes: tuple[str, ...]
    warnings: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain values."""
        return asdict(self)

    def facts(self) -> dict[str, Any]:
        """The facts that the manifest stores."""
        return {"data_sha256": self.data_sha256, "samples": self.samples, "warnings": list(self.warnings)}


@dataclass(frozen=True, slots=True)
class CalibrationData:
    """Examined data for calibration.

    Attributes:
        stream: Examples chosen for calibration.
        report: Properties of these examples.
        data: All of the opened data; its held-back part was not examined.
        is_scarce: Whether too few examples could be held back. If so, ``stream`` is drawn from all examples, including
            the held-back ones, and models are judged by cross-fitting (``edgekit.budget.cross_fitting``).
    """

    stream: ExampleStream
    report: CalibrationReport
    data: ModelData
    is_scarce: bool

    def samples(self) -> Iterator[dict[str, np.ndarray]]:
        """Yield each example by input name, with a batch axis of length 1; examples are read on demand."""
        with progress_bar("Calibrating", self.report.samples) as advance:
            for batch in self.stream.batches(_BATCH):
                for row in range(len(batch)):
                    yield {name: values[row : row + 1] for name, values in batch.inputs.items()}
                advance(len(batch))


def open_calibration_data(
    request: DataRequest,
    float_model: TfliteModel,
    inputs: Sequence[ModelInput],
    *,
    samples: int,
    is_range_known: bool = False,
    labels: tuple[str, ...] = (),
    claim: Claim = NOTHING_SAID,
) -> CalibrationData:
    """Open data for a lowered model, choose examples from the part that is not held back, and examine them.

    If too few examples could be held back, they are chosen from the whole data.

    Args:
        request: The user's options for the data.
        float_model: The float32 .tflite.
        inputs: Inputs of the model; images have their pixel range.
        samples: Maximum number of examples.
        is_range_known: Whether the user or the model itself specifies the real values of pixels 0 and 255.
        labels: Class names of the model; empty if unknown.
        claim: The user's declaration of the model's task.
    Raises:
        EdgekitError: The data is missing, is damaged, is not compatible with the model, or cannot be used for
            calibration.
    """
    data = open_data(request, inputs, labels=labels)
    is_scarce = _is_scarce(data)
    stream = (data.everything if is_scarce else data.calibration).sample(samples, seed=request.seed)
    model = edgekit_runtime.load(float_model)
    survey = Survey()
    with progress_bar("Looking at the data", stream.count) as advance:
        for batch in stream.batches(_BATCH):
            survey.add(batch)
            advance(len(batch))
    survey.require_usable(stream.name)
    taken = {each.name: _value_range(each.pixels) for each in inputs if each.pixels is not None}
    plausibility = _plausibility(model, stream, request, taken, claim)
    ranges = [
        range_warning(survey.lowest[name], survey.highest[name], limits, is_known=is_range_known)
        for name, limits in taken.items()
    ]
    # All three have the same cause, so only the most specific sentence is reported.
    suspicions = [plausibility.scaling_warning, *ranges, plausibility.warning]
    warnings = survey.warnings(data.labels, _class_count(model)) + [each for each in suspicions if each][:1]
    report = CalibrationReport(
        data=stream.name,
        samples=survey.count,
        data_sha256=stream.digest,
        classes=len(survey.classes) or None,
        value_range={name: (survey.lowest[name], survey.highest[name]) for name in survey.lowest},
        float_top1=plausibility.top1,
        wide_inputs=tuple(survey.wide_inputs),
        notes=stream.notes,
        warnings=tuple(warnings),
    )
    return CalibrationData(stream, report, data, is_scarce)


def _is_scarce(data: ModelData) -> bool:
    """Whether some, but too few, examples are held back; a source's own test part is always used as it is."""
    if data.has_test_part:
        return False
    count = data.held_back.count
    if count is None:
        count = sum(map(len, data.held_back.sample(_FEWEST_HELD_BACK, seed=0).batches(_BATCH)))
    return 0 < count < _FEWEST_HELD_BACK


def _value_range(pixels: PixelRange) -> tuple[float, float]:
    return pixels.value_range if isinstance(pixels, Preprocessing) else pixels


def _plausibility(
    model: Model,
    stream: ExampleStream,
    request: DataRequest,
    pixel_ranges: Mapping[str, tuple[float, float]],
    claim: Claim,
) -> Plausibility:
    batches = list(stream.sample(_EXAMINED, seed=request.seed).batches(_BATCH))
    inputs = {name: np.concatenate([batch.inputs[name] for batch in batches]) for name in batches[0].inputs}
    known = [batch.y for batch in batches if batch.y is not None]
    y = np.concatenate(known) if len(known) == len(batches) else None
    claims = [claim, data_claim(model.description, {} if y is None else {UNNAMED: y})]
    task = find_task(model.description, claims)
    return examine(model, inputs, y, task=task, pixel_ranges=pixel_ranges, labels=stream.labels)


def _class_count(model: Model) -> int | None:
    """The number of classes of the model; None if its output is not a row of scores."""
    if len(model.outputs) != 1 or len(model.outputs[0].shape) != 2:
        return None
    return max(model.outputs[0].shape[1], 2) if model.outputs[0].shape[1] > 0 else None
