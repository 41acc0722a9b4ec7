"""Asks a model for its answers to a stream of examples, a batch at a time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgekit.datasets.streams import Batch, ExampleStream
from edgekit.parity.metrics import METRICS, require_fitting_targets
from edgekit.parity.reliability import ReliabilityTally
from edgekit.parity.target_kinds import data_claim
from edgekit.regression.answers import Answers, ClassAnswers, ErrorAnswers, OutputAnswers, ScoreAnswers
from edgekit_runtime.classification import predicted_classes
from edgekit_runtime.errors import DataError
from edgekit_runtime.model import Model
from edgekit_runtime.task import CLASSES, LABELS, MASK, SEQUENCE, STATE, VALUES
from edgekit_runtime.task_finding import find_task

#: Examples a call: enough to keep both cores busy, few enough to stay out of the way of large pictures.
_BATCH = 256
#: Outputs kept of a model whose answers cannot be judged, a sample and in all.
_MOST_VALUES, _MOST_VALUES_IN_ALL = 256, 16_384


@dataclass(frozen=True, slots=True)
class Answered:
    """What a model answered to a stream.

    Attributes:
        answers: The answers.
        samples: How many there are.
        reliability: By confidence, the samples of a bin, their mean confidence and the share of them that is right;
            empty where the answers are no probabilities of classes, or the data has no labels.
    """

    answers: Answers
    samples: int
    reliability: tuple[tuple[int, float, float], ...] = ()


def collect_answers(model: Model, stream: ExampleStream) -> Answered:
    """The answer to every example, with as little kept as the comparison needs.

    The kind of the model's only output that is not a state decides: classes are kept with or without labels; values,
    labels, masks and sequences are scored if the data has targets; of all else some outputs are kept as they are.

    Raises:
        DataError: There are no examples, or their targets do not fit the model.
    """
    collector: _Classes | _Errors | _Scores | _Outputs | None = None
    samples = 0
    for batch in stream.batches(_BATCH):
        outputs = model.predict_named(batch.inputs)
        collector = collector or _collector(model, outputs, batch)
        collector.add(outputs, batch)
        samples += len(batch)
    if collector is None:
        raise DataError(f"{stream.name} has no held-back examples to judge on.")
    reliability = collector.reliability() if isinstance(collector, _Classes) else ()
    return Answered(collector.answers(), samples, reliability)


def targets_of(batch: Batch, output: str) -> np.ndarray | None:
    """The targets of an output, also of data that does not name it."""
    return batch.targets.get(output, batch.y)


class _Classes:
    def __init__(self, output: str, classes: int) -> None:
        self._output, self._classes = output, classes
        self._predicted: list[np.ndarray] = []
        self._labels: list[np.ndarray] = []
        self._tally = ReliabilityTally()
        self._are_probabilities = True

    def add(self, outputs: dict[str, np.ndarray], batch: Batch) -> None:
        scores, y = outputs[self._output], targets_of(batch, self._output)
        self._predicted.append(predicted_classes(scores))
        if y is None:
            return
        require_fitting_targets(CLASSES, scores, y, self._output)
        self._labels.append(y)
        self._are_probabilities = self._are_probabilities and _are_probabilities(scores)
        if self._are_probabilities:
            self._tally.add(scores.max(1), self._predicted[-1] == y)

    def reliability(self) -> tuple[tuple[int, float, float], ...]:
        if not self._labels or not self._are_probabilities:
            return ()
        return tuple(
            (each.samples, round(each.mean_confidence, 4), round(each.accuracy, 4))
            for each in self._tally.result().bins
            if each.mean_confidence is not None and each.accuracy is not None
        )

    def answers(self) -> ClassAnswers:
        labels = np.concatenate(self._labels) if self._labels else None
        return ClassAnswers(np.concatenate(self._predicted), self._classes, labels)


class _Errors:
    def __init__(self, output: str) -> None:
        self._output = output
        self._errors: list[np.ndarray] = []

    def add(self, outputs: dict[str, np.ndarray], batch: Batch) -> None:
        values, y = outputs[self._output], targets_of(batch, self._output)
        assert y is not None
        require_fitting_targets(VALUES, values, y, self._output)
        differences = np.abs(values.reshape(len(batch), -1).astype(np.float64) - y.reshape(len(batch), -1))
        self._errors.append(differences.mean(1))

    def answers(self) -> ErrorAnswers:
        return ErrorAnswers(np.concatenate(self._errors))


class _Scores:
    def __init__(self, output: str, kind: str) -> None:
        self._output, self._kind = output, kind
        self._metric = METRICS[_EXAMPLE_METRICS[kind]]
        self._scores: list[np.ndarray] = []

    def add(self, outputs: dict[str, np.ndarray], batch: Batch) -> None:
        values, y = outputs[self._output], targets_of(batch, self._output)
        assert y is not None
        require_fitting_targets(self._kind, values, y, self._output)
        self._scores.append(np.asarray(self._metric.score(self._metric.parts(values, y))))

    def answers(self) -> ScoreAnswers:
        return ScoreAnswers(self._metric.name, np.concatenate(self._scores))


class _Outputs:
    def __init__(self) -> None:
        self._kept: list[np.ndarray] = []
        self._room = _MOST_VALUES_IN_ALL

    def add(self, outputs: dict[str, np.ndarray], batch: Batch) -> None:
        for row in range(len(batch)):
            if self._room <= 0:
                return
            values = np.concatenate([outputs[name][row].ravel() for name in sorted(outputs)])
            # Spread over the whole output: the first values of a picture are its upper edge.
            kept = values[:: max(1, -(-len(values) // _MOST_VALUES))].astype(np.float64)
            self._kept.append(kept)
            self._room -= len(kept)

    def answers(self) -> OutputAnswers:
        return OutputAnswers(np.concatenate(self._kept))


#: What an example with many parts is scored by.
_EXAMPLE_METRICS = {LABELS: "agreement", MASK: "pixel_accuracy", SEQUENCE: "token_accuracy"}


def _collector(model: Model, outputs: dict[str, np.ndarray], batch: Batch) -> _Classes | _Errors | _Scores | _Outputs:
    named = dict(batch.targets)
    task = find_task(
        model.description,
        [model.manifest.task, data_claim(model.description, named)],
        label_count=len(model.labels),
    )
    judged = [name for name, kind in task.outputs.items() if kind.name != STATE]
    if len(judged) != 1:
        return _Outputs()
    output, kind = judged[0], task.outputs[judged[0]].name
    y = targets_of(batch, output)
    if kind == CLASSES and (y is not None or not batch.targets):
        count = max(2, outputs[output].shape[-1]) if outputs[output].dtype.kind == "f" else 2**31
        return _Classes(output, count)
    if y is not None and kind in _EXAMPLE_METRICS:
        return _Scores(output, kind)
    return _Errors(output) if y is not None and kind == VALUES else _Outputs()


def _are_probabilities(values: np.ndarray) -> bool:
    """Whether rows are those of a softmax, an int8 one with its steps of 1/256 included."""
    return (
        values.ndim == 2
        and values.shape[1] > 1
        and bool((values >= 0).all() and (np.abs(values.sum(1) - 1) < 0.05).all())
    )
