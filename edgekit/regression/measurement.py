"""Everything the gate wants to know of one .tflite."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import edgekit_runtime
from edgekit.datasets.model_inputs import model_inputs_with_pixels
from edgekit.datasets.opening import DataRequest, open_data
from edgekit.datasets.streams import ExampleStream
from edgekit.regression.answering import collect_answers
from edgekit.regression.answers import Answers, ClassAnswers, ErrorAnswers
from edgekit.regression.baseline.content_digest import content_digest
from edgekit.regression.baseline.stored import LatencyRatio, ModelRecord
from edgekit_runtime.model import Model
from edgekit_runtime.packed_file.manifest import Manifest
from edgekit_runtime.packed_file.model_file import read_model_file

#: Entries of the provenance that were measured on the finished model.
_NO_ORIGIN = frozenset({"parity", "targets", "golden"})


@dataclass(frozen=True, slots=True)
class DataChoice:
    """The data that a model is judged on.

    Attributes:
        request: What the configuration said of it.
        everything: Take all of it, not only the part that is held back.
        pixel_ranges: Real values of pixels 0 and 255 by input name, or under "" for the only image; others take what is
            packed into the model.
        labels: Names of the classes in the order of the model's outputs; None takes those packed into the model.
    """

    request: DataRequest
    everything: bool = False
    pixel_ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    labels: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Measurement:
    """One .tflite as it was measured.

    Attributes:
        record: What a baseline would hold of it.
        answers: Its answers to the data.
        stream: The data.
    """

    record: ModelRecord
    answers: Answers
    stream: ExampleStream


def measure(
    path: Path,
    data: DataChoice,
    *,
    made_with: tuple[tuple[str, str], ...],
    latency: Callable[[Model], LatencyRatio] | None,
) -> Measurement:
    """Read, run and time a .tflite.

    Args:
        path: The file.
        data: What it is judged on.
        made_with: Versions and options it was converted with; empty for a file that is taken as it is.
        latency: Times the loaded model; None leaves latency out.
    Raises:
        EdgekitError: A file is missing or damaged, or the data does not fit.
    """
    content = read_model_file(path)
    model = edgekit_runtime.load(content)
    stream = _open(model, data)
    answered = collect_answers(model, stream)
    answers = answered.answers
    record = ModelRecord(
        file=path.name,
        sha256=hashlib.sha256(content).hexdigest(),
        content=content_digest(content, model.description),
        size_bytes=len(content),
        operators=operators_of(model),
        labels=model.manifest.labels,
        provenance=_origin(model.manifest),
        made_with=made_with,
        data=Path(stream.name).name,
        data_sha256=stream.digest,
        samples=answered.samples,
        top1=answers.top1 if isinstance(answers, ClassAnswers) else None,
        mean_absolute_error=answers.mean_absolute_error if isinstance(answers, ErrorAnswers) else None,
        reliability=answered.reliability,
        answers=answers.pack(),
        latency=None if latency is None else latency(model),
    )
    return Measurement(record, answers, stream)


def operators_of(model: Model) -> tuple[tuple[str, int], ...]:
    """Name and highest version of each operator in any graph of the model, sorted."""
    highest: dict[str, int] = {}
    for graph in model.description.subgraphs:
        for operator in graph.operators:
            name = operator.custom_code or operator.name
            highest[name] = max(operator.version, highest.get(name, 0))
    return tuple(sorted(highest.items()))


def _open(model: Model, data: DataChoice) -> ExampleStream:
    inputs = model_inputs_with_pixels(model, data.pixel_ranges)
    opened = open_data(data.request, inputs, labels=model.labels if data.labels is None else data.labels)
    return opened.everything if data.everything else opened.held_back


def _origin(manifest: Manifest) -> tuple[tuple[str, str], ...]:
    """What the manifest says that weights follow from, as sorted texts."""
    return tuple(
        sorted(
            (name, value if isinstance(value, str) else json.dumps(value, sort_keys=True))
            for name, value in manifest.provenance.items()
            if name not in _NO_ORIGIN
        )
    )
