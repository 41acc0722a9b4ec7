"""Opens calibration data for a lowered model, looks at it, and hands it on one example at a time."""

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

#: Examples that are read at once.
_BATCH = 32
#: So many are shown to the float model before it is calibrated.
_EXAMINED = 128
#: Fewer held-back examples than this prove little.
_FEWEST_HELD_BACK = 100


@dataclass(frozen=True, slots=True)
class CalibrationReport:
    """What was calibrated on, and what it looked like.

    Attributes:
        data: What the user called it.
        samples: Examples calibrated on.
        data_sha256: Digest of these.
        classes: How many classes they cover; None without labels.
        value_range: Smallest and largest value of each input, by name.
        float_top1: Share of right answers of the float model on up to 128 of them; None if it has none.
        wide_inputs: Inputs whose columns differ too much in range for one scale of int8.
        notes: What reading did to them.
        warnings: Sentences for what is probably not meant.
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
        """What the manifest keeps of it."""
        return {"data_sha256": self.data_sha256, "samples": self.samples, "warnings": list(self.warnings)}


@dataclass(frozen=True, slots=True)
class CalibrationData:
    """Data that was looked at and may be calibrated on.

    Attributes:
        stream: The examples chosen.
        report: What they look like.
        data: All that was opened; its held-back part was not looked at.
        is_scarce: Whether too few examples could be held back: then ``stream`` is drawn from all of them, the
            held-back ones too, and models are judged by cross-fitting (``edgekit.budget.cross_fitting``).
    """

    stream: ExampleStream
    report: CalibrationReport
    data: ModelData
    is_scarce: bool

    def samples(self) -> Iterator[dict[str, np.ndarray]]:
        """Each example by input name, with a batch axis of length 1; read while it is used, with a bar."""
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
    """Open data for a lowered model, choose examples of the part that is not held back, and look at them.

    Where too few examples could be held back, they are chosen from all.

    Args:
        request: What the user said of the data.
        float_model: The float32 .tflite.
        inputs: Its inputs; images know what pixels become.
        samples: How many examples to take, at most.
        is_range_known: Whether the user or the model itself says what pixels 0 and 255 become.
        labels: The model's own names of its classes; empty if none are known.
        claim: What the user says of the model's task.
    Raises:
        EdgekitError: The data is missing, damaged, does not fit the model, or can be of no use to it.
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
    # The three have one cause, and one sentence is enough: the one that knows most.
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
    """Whether examples are held back, but few; a source's own test part stays what it is."""
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
    """How many classes the model tells apart; None if its output is no row of scores."""
    if len(model.outputs) != 1 or len(model.outputs[0].shape) != 2:
        return None
    return max(model.outputs[0].shape[1], 2) if model.outputs[0].shape[1] > 0 else None
