"""Asks a model for its predictions to a stream of examples, a batch at a time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgekit.datasets.ground_truth import BOX_GROUND_TRUTH
from edgekit.datasets.streams import Batch, ExampleStream
from edgekit.parity.average_precision import match
from edgekit.parity.found_boxes import found_boxes
from edgekit.parity.ground_truth_kinds import data_claim
from edgekit.parity.metrics import METRICS, require_compatible_ground_truth
from edgekit.parity.reliability import ReliabilityTally
from edgekit.regression.box_predictions import BoxPredictions
from edgekit.regression.predictions import (
    ClassPredictions,
    NamedPredictions,
    PredictionErrors,
    Predictions,
    PredictionScores,
    RawOutputs,
)
from edgekit_runtime.boxes.decoder import BoxDecoder
from edgekit_runtime.classification import predicted_classes, probabilities
from edgekit_runtime.errors import DataError
from edgekit_runtime.model import Model
from edgekit_runtime.task import CLASSES, LABELS, MASK, SEQUENCE, STATE, VALUES, Kind
from edgekit_runtime.task_finding import find_task

#: Examples per call: enough to keep two cores busy, few enough to fit in memory with large images.
_BATCH = 256
#: Output values kept of a model whose predictions cannot be judged: per example, and in total.
_MOST_VALUES, _MOST_VALUES_IN_ALL = 256, 16_384


@dataclass(frozen=True, slots=True)
class CollectedPredictions:
    """The predictions of a model for a stream of examples.

    Attributes:
        predictions: Predictions in the order of the stream.
        samples: Number of examples.
        reliability: For each confidence bin, the number of examples, their mean confidence and their accuracy; empty if
            the predictions are not class probabilities, or the data has no ground truth.
    """

    predictions: Predictions
    samples: int
    reliability: tuple[tuple[int, float, float], ...] = ()


def collect_predictions(model: Model, stream: ExampleStream) -> CollectedPredictions:
    """Run a model on every example and keep only what the comparison needs.

    A detector's boxes are compared with the true ones if the data has any. Otherwise the kind of the only output that
    is not a state decides: classes are kept with or without ground truth; values, labels, masks and sequences are
    scored if the data has ground truth; otherwise some raw outputs are kept. If there are several outputs and the data
    has ground truth for any of them, each output is handled on its own.

    Raises:
        DataError: There are no examples, or their ground truth is not compatible with the model.
    """
    collector: _Collector | _Several | None = None
    samples = 0
    for batch in stream.batches(_BATCH):
        outputs = model.predict_named(batch.inputs)
        collector = collector or _collector(model, outputs, batch)
        collector.add(outputs, batch)
        samples += len(batch)
    if collector is None:
        raise DataError(f"{stream.name} has no held-back examples to judge on.")
    reliability = collector.reliability() if isinstance(collector, _Classes) else ()
    return CollectedPredictions(collector.predictions(), samples, reliability)


def ground_truth_of(batch: Batch, output: str) -> np.ndarray | None:
    """The ground truth of an output, even if the data does not name the output."""
    return batch.ground_truth.get(output, batch.y)


class _Classes:
    def __init__(self, output: str, classes: int, *, is_logit: bool) -> None:
        self._output, self._classes, self._is_logit = output, classes, is_logit
        self._predicted: list[np.ndarray] = []
        self._true_classes: list[np.ndarray] = []
        self._tally = ReliabilityTally()
        self._are_probabilities = True

    def add(self, outputs: dict[str, np.ndarray], batch: Batch) -> None:
        scores, y = probabilities(outputs[self._output], self._is_logit), ground_truth_of(batch, self._output)
        self._predicted.append(predicted_classes(scores))
        if y is None:
            return
        require_compatible_ground_truth(CLASSES, scores, y, self._output)
        self._true_classes.append(y)
        self._are_probabilities = self._are_probabilities and _are_probabilities(scores)
        if self._are_probabilities:
            self._tally.add(scores.max(1), self._predicted[-1] == y)

    def reliability(self) -> tuple[tuple[int, float, float], ...]:
        if not self._true_classes or not self._are_probabilities:
            return ()
        return tuple(
            (each.samples, round(each.mean_confidence, 4), round(each.accuracy, 4))
            for each in self._tally.result().bins
            if each.mean_confidence is not None and each.accuracy is not None
        )

    def predictions(self) -> ClassPredictions:
        true_classes = np.concatenate(self._true_classes) if self._true_classes else None
        return ClassPredictions(np.concatenate(self._predicted), self._classes, true_classes)


class _Errors:
    def __init__(self, output: str) -> None:
        self._output = output
        self._errors: list[np.ndarray] = []

    def add(self, outputs: dict[str, np.ndarray], batch: Batch) -> None:
        values, y = outputs[self._output], ground_truth_of(batch, self._output)
        assert y is not None
        require_compatible_ground_truth(VALUES, values, y, self._output)
        differences = np.abs(values.reshape(len(batch), -1).astype(np.float64) - y.reshape(len(batch), -1))
        self._errors.append(differences.mean(1))

    def predictions(self) -> PredictionErrors:
        return PredictionErrors(np.concatenate(self._errors))


class _Scores:
    def __init__(self, output: str, kind: Kind) -> None:
        self._output, self._kind, self._is_logit = output, kind.name, kind.is_logit
        self._metric = METRICS[_EXAMPLE_METRICS[kind.name]]
        self._scores: list[np.ndarray] = []

    def add(self, outputs: dict[str, np.ndarray], batch: Batch) -> None:
        values, y = probabilities(outputs[self._output], self._is_logit), ground_truth_of(batch, self._output)
        assert y is not None
        require_compatible_ground_truth(self._kind, values, y, self._output)
        self._scores.append(np.asarray(self._metric.score(self._metric.parts(values, y))))

    def predictions(self) -> PredictionScores:
        return PredictionScores(self._metric.name, np.concatenate(self._scores))


class _Boxes:
    def __init__(self, decoder: BoxDecoder) -> None:
        self._decoder = decoder
        self._found: list[np.ndarray] = []
        self._truth: list[np.ndarray] = []

    def add(self, outputs: dict[str, np.ndarray], batch: Batch) -> None:
        self._found.append(found_boxes(self._decoder, outputs))
        self._truth.append(batch.ground_truth[BOX_GROUND_TRUTH])

    def predictions(self) -> BoxPredictions:
        return BoxPredictions(match(np.concatenate(self._found), np.concatenate(self._truth)))


class _Outputs:
    def __init__(self) -> None:
        self._kept: list[np.ndarray] = []
        self._room = _MOST_VALUES_IN_ALL

    def add(self, outputs: dict[str, np.ndarray], batch: Batch) -> None:
        for row in range(len(batch)):
            if self._room <= 0:
                return
            values = np.concatenate([outputs[name][row].ravel() for name in sorted(outputs)])
            # Spread over the whole output: the first values of an image are only its upper edge.
            kept = values[:: max(1, -(-len(values) // _MOST_VALUES))].astype(np.float64)
            self._kept.append(kept)
            self._room -= len(kept)

    def predictions(self) -> RawOutputs:
        return RawOutputs(np.concatenate(self._kept))


class _Several:
    """Several outputs, each with a collector that sees only that output."""

    def __init__(self, collectors: dict[str, _Collector]) -> None:
        self._collectors = collectors

    def add(self, outputs: dict[str, np.ndarray], batch: Batch) -> None:
        for name, collector in self._collectors.items():
            collector.add({name: outputs[name]}, batch)

    def predictions(self) -> NamedPredictions:
        return NamedPredictions({name: collector.predictions() for name, collector in self._collectors.items()})


_Collector = _Classes | _Errors | _Scores | _Boxes | _Outputs
#: The metric that scores one example of many parts.
_EXAMPLE_METRICS = {LABELS: "agreement", MASK: "pixel_accuracy", SEQUENCE: "token_accuracy"}


def _collector(model: Model, outputs: dict[str, np.ndarray], batch: Batch) -> _Collector | _Several:
    named = dict(batch.ground_truth)
    if BOX_GROUND_TRUTH in named and model.detects_boxes:
        return _Boxes(model.box_decoder)
    task = find_task(
        model.description,
        [model.manifest.task, data_claim(model.description, named)],
        label_count=len(model.labels),
    )
    judged = [name for name, kind in task.outputs.items() if kind.name != STATE]
    if len(judged) == 1:
        y = ground_truth_of(batch, judged[0])
        return _collector_of(judged[0], task.outputs[judged[0]], outputs[judged[0]], y, has_ground_truth=bool(named))
    if not any(name in named for name in judged):
        return _Outputs()
    return _Several(
        {
            name: _collector_of(name, task.outputs[name], outputs[name], named.get(name), has_ground_truth=True)
            for name in judged
        }
    )


def _collector_of(
    output: str, kind: Kind, values: np.ndarray, y: np.ndarray | None, *, has_ground_truth: bool
) -> _Collector:
    """The collector for one output; classes without ground truth are judged only if no output has any."""
    if kind.name == CLASSES and (y is not None or not has_ground_truth):
        count = max(2, values.shape[-1]) if values.dtype.kind == "f" else 2**31
        return _Classes(output, count, is_logit=kind.is_logit)
    if y is not None and kind.name in _EXAMPLE_METRICS:
        return _Scores(output, kind)
    return _Errors(output) if y is not None and kind.name == VALUES else _Outputs()


def _are_probabilities(values: np.ndarray) -> bool:
    """Whether each row sums to 1 as a softmax does, within the steps of 1/256 of an int8 softmax."""
    return (
        values.ndim == 2
        and values.shape[1] > 1
        and bool((values >= 0).all() and (np.abs(values.sum(1) - 1) < 0.05).all())
    )
