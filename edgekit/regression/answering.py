"""Asks a model for its answers to a stream of examples, a batch at a time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgekit.datasets.streams import Batch, ExampleStream
from edgekit.parity.reliability import ReliabilityTally
from edgekit.regression.answers import Answers, ClassAnswers, ErrorAnswers, OutputAnswers
from edgekit_runtime.errors import DataError
from edgekit_runtime.model import Model

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

    Class numbers as targets, or rows that are probabilities, make a classifier; real targets of the outputs' shape
    make errors; else some outputs are kept as they are.

    Raises:
        DataError: There are no examples, or their targets do not fit the model.
    """
    collector: _Classes | _Errors | _Outputs | None = None
    samples = 0
    for batch in stream.batches(_BATCH):
        predicted = model.predict(batch.inputs if len(model.inputs) > 1 else next(iter(batch.inputs.values())))
        outputs = predicted if isinstance(predicted, dict) else {"": np.asarray(predicted)}
        collector = collector or _collector(outputs, batch)
        collector.add(outputs, batch)
        samples += len(batch)
    if collector is None:
        raise DataError(f"{stream.name} has no held-back examples to judge on.")
    reliability = collector.reliability() if isinstance(collector, _Classes) else ()
    return Answered(collector.answers(), samples, reliability)


class _Classes:
    def __init__(self, classes: int) -> None:
        self._classes = classes
        self._predicted: list[np.ndarray] = []
        self._labels: list[np.ndarray] = []
        self._tally = ReliabilityTally()
        self._are_probabilities = True

    def add(self, outputs: dict[str, np.ndarray], batch: Batch) -> None:
        (scores,) = outputs.values()
        self._predicted.append(scores.argmax(1) if scores.shape[1] > 1 else (scores[:, 0] > 0.5).astype(np.int64))
        if batch.y is None:
            return
        if len(batch.y) and batch.y.max() >= self._classes:
            raise DataError(
                "The data's labels do not fit the model.",
                expected=f"classes 0 to {self._classes - 1}",
                received=f"class {batch.y.max()}",
                next_step="name the data that the model was trained for",
            )
        self._labels.append(batch.y)
        self._are_probabilities = self._are_probabilities and _are_probabilities(scores)
        if self._are_probabilities:
            self._tally.add(scores.max(1), self._predicted[-1] == batch.y)

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
    def __init__(self) -> None:
        self._errors: list[np.ndarray] = []

    def add(self, outputs: dict[str, np.ndarray], batch: Batch) -> None:
        (values,) = outputs.values()
        assert batch.y is not None
        differences = np.abs(values.reshape(len(batch), -1).astype(np.float64) - batch.y.reshape(len(batch), -1))
        self._errors.append(differences.mean(1))

    def answers(self) -> ErrorAnswers:
        return ErrorAnswers(np.concatenate(self._errors))


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


def _collector(outputs: dict[str, np.ndarray], batch: Batch) -> _Classes | _Errors | _Outputs:
    values, y = next(iter(outputs.values())), batch.y
    if len(outputs) > 1 or (batch.targets and y is None):
        return _Outputs()
    if y is not None and y.dtype.kind == "f":
        return _Errors() if values.reshape(len(batch), -1).shape == y.reshape(len(batch), -1).shape else _Outputs()
    if values.ndim == 2 and (y.ndim == 1 if y is not None else _are_probabilities(values)):
        return _Classes(max(2, values.shape[1]))
    return _Outputs()


def _are_probabilities(values: np.ndarray) -> bool:
    """Whether rows are those of a softmax, an int8 one with its steps of 1/256 included."""
    return values.shape[1] > 1 and bool((values >= 0).all() and (np.abs(values.sum(1) - 1) < 0.05).all())
