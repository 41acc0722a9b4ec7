"""Measures what the gate needs to know about a .tflite."""

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
from edgekit.regression.baseline.content_digest import content_digest
from edgekit.regression.baseline.stored import LatencyRatio, ModelRecord
from edgekit.regression.predicting import collect_predictions
from edgekit.regression.predictions import ClassPredictions, PredictionErrors, Predictions
from edgekit_runtime.model import Model
from edgekit_runtime.packed_file.manifest import Manifest
from edgekit_runtime.packed_file.model_file import read_model_file

#: Provenance entries that were measured on the finished model and say nothing about its origin.
_NO_ORIGIN = frozenset({"parity", "targets", "golden"})


@dataclass(frozen=True, slots=True)
class DataChoice:
    """The data that a model is judged on.

    Attributes:
        request: Data settings of the configuration.
        everything: Use all examples, not only the held-back part.
        pixel_ranges: Real values of pixels 0 and 255 by input name, or under "" for the only image input; other inputs
            use what is packed into the model.
        labels: Class names in output order; None uses those packed into the model.
    """

    request: DataRequest
    everything: bool = False
    pixel_ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    labels: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Measurement:
    """The measurement of one .tflite.

    Attributes:
        record: Record as a baseline would store it.
        predictions: Predictions for the data.
        stream: The data.
    """

    record: ModelRecord
    predictions: Predictions
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
        data: Data to judge the model on.
        made_with: Versions and options of the gate's conversion; empty for a file used as is.
        latency: Function that times the loaded model; None skips latency.
    Raises:
        EdgekitError: A file is missing or damaged, or the data is not compatible.
    """
    content = read_model_file(path)
    model = edgekit_runtime.load(content)
    stream = _open(model, data)
    collected = collect_predictions(model, stream)
    predictions = collected.predictions
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
        samples=collected.samples,
        top1=predictions.top1 if isinstance(predictions, ClassPredictions) else None,
        mean_absolute_error=predictions.mean_absolute_error if isinstance(predictions, PredictionErrors) else None,
        reliability=collected.reliability,
        answers=predictions.pack(),
        latency=None if latency is None else latency(model),
    )
    return Measurement(record, predictions, stream)


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
    """The manifest's statements about where the weights come from, as sorted strings."""
    return tuple(
        sorted(
            (name, value if isinstance(value, str) else json.dumps(value, sort_keys=True))
            for name, value in manifest.provenance.items()
            if name not in _NO_ORIGIN
        )
    )
