"""Collects the model card of a .tflite: its task, origin, accuracy and latency, and what is unknown."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgekit.artifacts.inspecting import TfliteInspection, inspect_content
from edgekit.artifacts.verification import find_signer
from edgekit.devices.timing import DeviceTiming, find_timed_device, time_on
from edgekit.parity.metrics import METRICS
from edgekit.parity.paired_statistics import Interval, share_interval
from edgekit.progress import tracked
from edgekit_runtime.packed_file.model_file import read_model_file
from edgekit_runtime.task import Task
from edgekit_runtime.task_finding import find_task

#: Metrics whose examples are either right or wrong, so that the score alone determines its interval.
_COUNTED_METRICS = frozenset({"top1"})


@dataclass(frozen=True, slots=True)
class CardScore:
    """Scores of one output, as packed by the conversion.

    Attributes:
        output: Output name.
        metric: Metric name.
        against: Reference for the predictions: labels, or the float model's predictions.
        examples: Number of held-back examples.
        before: Score of the float model.
        after: Score of this file.
        before_interval: 95 % interval of ``before``; None if the metric's interval requires the examples.
        after_interval: 95 % interval of ``after``, or None for the same reason.
        drop_interval: 95 % interval of the drop, ``(low, high)``; None if it was not packed.
        is_share: Whether scores are fractions of 1.
        is_cross_fitted: Whether models of the same recipe were judged instead of this file.
    """

    output: str
    metric: str
    against: str
    examples: int
    before: float
    after: float
    before_interval: tuple[float, float] | None
    after_interval: tuple[float, float] | None
    drop_interval: tuple[float, float] | None
    is_share: bool
    is_cross_fitted: bool

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain values."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class ModelCard:
    """Everything known about a .tflite, without assumptions.

    Attributes:
        inspection: Content of the file and of its parts.
        task: Kinds of the inputs and outputs.
        sha256: SHA-256 of the whole file, in hex.
        signer: Public key of the valid signature, in hex; empty if the file is not signed.
        scores: Scores packed by the conversion, one entry per output.
        timings: Measurements on devices for this card.
        license: License given by the user; empty if none.
    """

    inspection: TfliteInspection
    task: Task
    sha256: str
    signer: str
    scores: tuple[CardScore, ...]
    timings: tuple[DeviceTiming, ...]
    license: str

    @property
    def provenance(self) -> Mapping[str, Any]:
        """Origin of the model according to the file."""
        return self.inspection.manifest.provenance

    @property
    def unknown(self) -> tuple[str, ...]:
        """Facts that a reader would expect and the card does not have."""
        missing = {
            "the source model": "source_sha256" not in self.provenance,
            "how it was quantized": "quantize" not in self.provenance,
            "accuracy before and after the conversion": not self.scores,
            "latency and memory": not self.timings,
            "golden examples": "golden" not in self.provenance,
            "a signature": not self.signer,
            "the license": not self.license,
        }
        return tuple(name for name, is_missing in missing.items() if is_missing)

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain values."""
        found = self.inspection
        manifest = found.manifest.to_dict()
        return {
            "path": str(found.path),
            "size_bytes": found.description.size_bytes,
            "sha256": self.sha256,
            "signer": self.signer,
            "license": self.license,
            "task": self.task.to_dict(),
            **{name: manifest[name] for name in ("labels", "preprocessing", "provenance", "model_sha256")},
            "runs_on": list(found.runs_on),
            "scores": [score.to_dict() for score in self.scores],
            "timings": [timing.to_dict() for timing in self.timings],
            "unknown": list(self.unknown),
        }


def make_card(path: Path, *, license: str = "", devices: Sequence[str] = (), runs: int = 500) -> ModelCard:
    """Collect the facts in a .tflite and measure it on devices.

    Args:
        path: Path of the .tflite.
        license: License in the user's words; empty if unknown.
        devices: Real devices to measure latency and memory on, in the form that ``find_devices`` accepts.
        runs: Number of timed predictions per device.
    Raises:
        UsageError: A device does not exist or is emulated.
        ModelFileError: The file is missing, is damaged or has another format, or its signature is invalid.
        EdgekitError: A device does not run the model.
    """
    timed = [find_timed_device(where) for where in devices]
    content = read_model_file(path)
    inspection = inspect_content(path, content)
    manifest = inspection.manifest
    signer = find_signer(content, path.name)
    task = find_task(inspection.description, [manifest.task], label_count=len(manifest.labels))
    timings = tuple(time_on(device, path, runs=runs) for device in tracked(timed, "Timing", total=len(timed)))
    return ModelCard(
        inspection=inspection,
        task=task,
        sha256=hashlib.sha256(content).hexdigest(),
        signer=signer,
        scores=read_scores(manifest.provenance),
        timings=timings,
        license=license,
    )


def read_scores(provenance: Mapping[str, Any]) -> tuple[CardScore, ...]:
    """Read the scores that a conversion packed; invalid entries are omitted.

    Args:
        provenance: Provenance in the manifest, which is not trusted.
    """
    packed = provenance.get("scores")
    entries = packed.items() if isinstance(packed, dict) else ()
    return tuple(score for output, facts in entries if (score := _score(output, facts)) is not None)


def _score(output: str, facts: Any) -> CardScore | None:
    if not isinstance(facts, dict):
        return None
    metric, examples = facts.get("metric"), facts.get("examples")
    before, after = _finite(facts.get("float")), _finite(facts.get("converted"))
    if not isinstance(metric, str) or type(examples) is not int or examples < 1 or before is None or after is None:
        return None
    known = METRICS.get(metric)
    return CardScore(
        output=output,
        metric=metric,
        against=str(facts.get("against", "")),
        examples=examples,
        before=before,
        after=after,
        before_interval=_interval(metric, before, examples),
        after_interval=_interval(metric, after, examples),
        drop_interval=_pair(facts.get("drop_interval")),
        is_share=known is not None and known.is_share,
        is_cross_fitted=facts.get("is_cross_fitted") is True,
    )


def _interval(metric: str, share: float, examples: int) -> tuple[float, float] | None:
    if metric not in _COUNTED_METRICS or not 0 <= share <= 1:
        return None
    found: Interval = share_interval(round(share * examples), examples)
    return found.low, found.high


def _pair(value: Any) -> tuple[float, float] | None:
    ends = [_finite(end) for end in value] if isinstance(value, list) else []
    return (ends[0], ends[1]) if len(ends) == 2 and ends[0] is not None and ends[1] is not None else None


def _finite(value: Any) -> float | None:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    # An integer in JSON may exceed the range of floats.
    return float(value) if is_number and abs(value) < 1e300 and math.isfinite(value) else None
