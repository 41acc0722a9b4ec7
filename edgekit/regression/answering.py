"""Asks a model for its answers to a stream of examples, a batch at a time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgekit.datasets.streams import Batch, ExampleStream
from edgekit.parity.metrics import METRICS, require_fitting_targets
from edgekit.parity.reliability import ReliabilityTally
from edgekit.parity.target_kinds import data_claim
from edgekit.regression.answers import Answers, ClassAnswers, ErrorAnswers, NamedAnswers, OutputAnswers, ScoreAnswers
from edgekit_runtime.classification import predicted_classes, probabilities
from edgekit_runtime.errors import DataError
from edgekit_runtime.model import Model
from edgekit_runtime.task import CLASSES, LABELS, MASK, SEQUENCE, STATE, VALUES, Kind
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
    labels, masks and sequences are scored if the data has targets; of all else some outputs are kept as they are. Of
    several outputs each is judged so by itself if the data has targets for any.

    Raises:
        DataError: There are no examples, or their targets do not fit the model.
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
    return Answered(collector.answers(), samples, reliability)


def targets_of(batch: Batch, output: str) -> np.ndarray | None:
    """The targets of an output, also of data that does not name it."""
    return batch.targets.get(output, batch.y)


class _Classes:
    def __init__(self, output: str, classes: int, *, is_logit: bool) -> None:
        self._output, self._classes, self._is_logit = output, classes, is_logit
        self._predicted: list[np.ndarray] = []
        self._labels: list[np.ndarray] = []
        self._tally = ReliabilityTally()
        self._are_probabilities = True

    def add(self, outputs: dict[str, np.ndarray], batch: Batch) -> None:
        scores, y = probabilities(outputs[self._output], self._is_logit), targets_of(batch, self._output)
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
    def __init__(self, output: str, kind: Kind) -> None:
        self._output, self._kind, self._is_logit = output, kind.name, kind.is_logit
        self._metric = METRICS[_EXAMPLE_METRICS[kind.name]]
        self._scores: list[np.ndarray] = []

    def add(self, outputs: dict[str, np.ndarray], batch: Batch) -> None:
        values, y = probabilities(outputs[self._output], self._is_logit), targets_of(batch, self._output)
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


class _Several:
    """Several outputs, each by its own collector, which sees no other."""

    def __init__(self, collectors: dict[str, _Collector]) -> None:
        self._collectors = collectors

    def add(self, outputs: dict[str, np.ndarray], batch: Batch) -> None:
        for name, collector in self._collectors.items():
            collector.add({name: outputs[name]}, batch)

    def answers(self) -> NamedAnswers:
        return NamedAnswers({name: collector.answers() for name, collector in self._collectors.items()})


_Collector = _Classes | _Errors | _Scores | _Outputs
#: What an example with many parts is scored by.
_EXAMPLE_METRICS = {LABELS: "agreement", MASK: "pixel_accuracy", SEQUENCE: "token_accuracy"}


def _collector(model: Model, outputs: dict[str, np.ndarray], batch: Batch) -> _Collector | _Several:
    named = dict(batch.targets)
    task = find_task(
        model.description,
        [model.manifest.task, data_claim(model.description, named)],
        label_count=len(model.labels),
    )
    judged = [name for name, kind in task.outputs.items() if kind.name != STATE]
    if len(judged) == 1:
        y = targets_of(batch, judged[0])
        return _collector_of(judged[0], task.outputs[judged[0]], outputs[judged[0]], y, has_targets=bool(named))
    if not any(name in named for name in judged):
        return _Outputs()
    return _Several(
        {
            name: _collector_of(name, task.outputs[name], outputs[name], named.get(name), has_targets=True)
            for name in judged
        }
    )


def _collector_of(
    output: str, kind: Kind, values: np.ndarray, y: np.ndarray | None, *, has_targets: bool
) -> _Collector:
    """What an output is judged by; classes without labels are judged only if no output has any."""
    if kind.name == CLASSES and (y is not None or not has_targets):
        count = max(2, values.shape[-1]) if values.dtype.kind == "f" else 2**31
        return _Classes(output, count, is_logit=kind.is_logit)
    if y is not None and kind.name in _EXAMPLE_METRICS:
        return _Scores(output, kind)
    return _Errors(output) if y is not None and kind.name == VALUES else _Outputs()


def _are_probabilities(values: np.ndarray) -> bool:
    """Whether rows are those of a softmax, an int8 one with its steps of 1/256 included."""
    return (
        values.ndim == 2
        and values.shape[1] > 1
        and bool((values >= 0).all() and (np.abs(values.sum(1) - 1) < 0.05).all())
    )
