"""Running comparison of two classifiers; only the predicted classes are kept, everything else is summed."""

from __future__ import annotations

import heapq
from collections.abc import Callable

import numpy as np

from edgekit.parity.paired_statistics import Interval, PairedCounts, drop_interval, mcnemar_exact
from edgekit.parity.reliability import ReliabilityTally
from edgekit.parity.results import ChangedExample, ClassificationParity, ClassRecall, LabelledFigures
from edgekit_runtime.errors import DataError

#: Returns the images of given rows of a batch, uint8 (N, H, W, C).
Images = Callable[[np.ndarray], np.ndarray]
#: Maximum number of changed examples to keep.
MOST_CHANGED = 100
#: A matrix of more classes is not readable.
_MOST_CONFUSED = 100


class ClassTally:
    """Running comparison of two classifiers.

    Args:
        classes: Number of classes.
        labels: Class names; missing ones are replaced by numbers.
        top_k: The k of top-k accuracy.
    """

    def __init__(self, classes: int, labels: tuple[str, ...], top_k: int) -> None:
        self._classes = classes
        self._labels = (*labels[:classes], *(str(number) for number in range(len(labels), classes)))
        self._top_k = top_k
        self._predictions: list[np.ndarray] = []
        self._topk = np.zeros(2, np.int64)
        self._reliability = (ReliabilityTally(), ReliabilityTally())
        self._changed: list[tuple[tuple[bool, float, int], ChangedExample]] = []
        self._changed_count = self._samples = 0

    def add(
        self,
        reference: np.ndarray,
        candidate: np.ndarray,
        y: np.ndarray | None,
        names: tuple[str, ...],
        images: Images | None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Add a batch.

        Args:
            reference: Scores of the reference, float (N, classes).
            candidate: Scores of the candidate, same shape.
            y: True classes, int64 (N,), or None.
            names: Example names.
            images: Returns the images of given rows, uint8 (N, H, W, C), or None.
        Returns:
            Predicted classes of both models, int64 (N,) each.
        Raises:
            DataError: A true class is not one of the model's classes.
        """
        predictions = reference.argmax(1), candidate.argmax(1)
        if y is not None:
            self._require_known(y)
            for place, scores in enumerate((reference, candidate)):
                self._add_labelled(place, scores, predictions[place], y)
        rows = [*predictions, *([] if y is None else [y])]
        self._predictions.append(np.stack(rows).astype(np.int32))
        self._add_changed((reference, candidate), predictions, y, names, images)
        self._samples += len(names)
        return predictions

    def merge(self, later: ClassTally) -> None:
        """Add the examples of a tally that were counted elsewhere and come after these."""
        self._predictions += later._predictions
        self._topk += later._topk
        for mine, theirs in zip(self._reliability, later._reliability, strict=True):
            mine.merge(theirs)
        moved = [((lost, score, place - self._changed_count), each) for (lost, score, place), each in later._changed]
        # A sorted list is a heap.
        self._changed = sorted([*self._changed, *moved], key=lambda entry: entry[0])[-MOST_CHANGED:]
        self._changed_count += later._changed_count
        self._samples += later._samples

    def result(self) -> ClassificationParity:
        """Results so far."""
        from scipy.stats import binomtest

        predictions = np.concatenate(self._predictions, axis=1)
        equal = self._samples - self._changed_count
        wilson = binomtest(equal, self._samples).proportion_ci(0.95, method="wilson")
        return ClassificationParity(
            samples=self._samples,
            labels=self._labels,
            top1_agreement=equal / self._samples,
            agreement_interval=Interval(float(wilson.low), float(wilson.high)),
            changed=self._changed_count,
            changed_samples=tuple(sample for _, sample in sorted(self._changed, key=lambda e: e[0], reverse=True)),
            labelled=self._labelled(*predictions) if len(predictions) == 3 else None,
        )

    def _labelled(self, reference: np.ndarray, candidate: np.ndarray, y: np.ndarray) -> LabelledFigures:
        from sklearn.metrics import confusion_matrix

        counts = PairedCounts.of(reference == y, candidate == y)
        has_topk = self._classes > self._top_k > 1
        confusions: list[tuple[tuple[int, ...], ...] | None] = [None, None]
        if self._classes <= _MOST_CONFUSED:
            every = range(self._classes)
            matrices = (confusion_matrix(y, predictions, labels=every) for predictions in (reference, candidate))
            confusions = [tuple(tuple(int(count) for count in row) for row in matrix) for matrix in matrices]
        return LabelledFigures(
            counts=counts,
            reference_top1=counts.reference_accuracy,
            candidate_top1=counts.candidate_accuracy,
            accuracy_drop=counts.accuracy_drop,
            drop_interval=drop_interval(counts),
            mcnemar_p=mcnemar_exact(counts.only_reference, counts.only_candidate),
            top_k=self._top_k,
            reference_topk=float(self._topk[0] / self._samples) if has_topk else None,
            candidate_topk=float(self._topk[1] / self._samples) if has_topk else None,
            reference_calibration=self._reliability[0].result(),
            candidate_calibration=self._reliability[1].result(),
            recalls=self._recalls(reference, candidate, y),
            reference_confusion=confusions[0],
            candidate_confusion=confusions[1],
        )

    def _recalls(self, reference: np.ndarray, candidate: np.ndarray, y: np.ndarray) -> tuple[ClassRecall, ...]:
        samples = np.bincount(y, minlength=self._classes)
        found = [np.bincount(y[predictions == y], minlength=self._classes) for predictions in (reference, candidate)]
        recalls = []
        for number, count in enumerate(samples):
            if not count:
                recalls.append(ClassRecall(self._labels[number], 0, None, None, None))
                continue
            first, second = (float(right[number] / count) for right in found)
            recalls.append(ClassRecall(self._labels[number], int(count), first, second, second - first))
        return tuple(recalls)

    def _add_labelled(self, place: int, scores: np.ndarray, predictions: np.ndarray, y: np.ndarray) -> None:
        probabilities = as_probabilities(scores)
        confidence = probabilities[np.arange(len(scores)), predictions]
        self._reliability[place].add(confidence, predictions == y)
        if self._classes > self._top_k:
            # Among equal scores, which integer models often give, the lower class comes first, as in argmax.
            highest = np.argsort(-scores, axis=1, kind="stable")[:, : self._top_k]
            self._topk[place] += np.count_nonzero((highest == y[:, np.newaxis]).any(1))

    def _add_changed(
        self,
        scores: tuple[np.ndarray, np.ndarray],
        predictions: tuple[np.ndarray, np.ndarray],
        y: np.ndarray | None,
        names: tuple[str, ...],
        images: Images | None,
    ) -> None:
        for row in np.flatnonzero(predictions[0] != predictions[1]):
            first, second = int(predictions[0][row]), int(predictions[1][row])
            is_loss = y is not None and bool(y[row] == first)
            key = (is_loss, float(scores[0][row, first]), -self._changed_count)
            self._changed_count += 1
            if len(self._changed) == MOST_CHANGED and key <= self._changed[0][0]:
                continue
            sample = ChangedExample(
                name=names[row],
                truth=None if y is None else self._labels[y[row]],
                reference=self._labels[first],
                candidate=self._labels[second],
                reference_score=float(scores[0][row, first]),
                candidate_score=float(scores[1][row, second]),
                pixels=None if images is None else images(np.array([row]))[0],
            )
            if len(self._changed) < MOST_CHANGED:
                heapq.heappush(self._changed, (key, sample))
            else:
                heapq.heapreplace(self._changed, (key, sample))

    def _require_known(self, y: np.ndarray) -> None:
        if len(y) and y.max() >= self._classes:
            raise DataError(
                "The ground truth of the data is not compatible with the model.",
                expected=f"classes 0 to {self._classes - 1}, the model has {self._classes} outputs",
                received=f"class {y.max()}",
                next_step="pass the data the model was trained for",
            )


def as_probabilities(scores: np.ndarray) -> np.ndarray:
    """Scores (N, classes) as probabilities: unchanged if all are within 0 and 1, otherwise their softmax.

    The sum of a row is not checked, because an integer model's softmax sums to 1 only within its quantization steps.
    """
    from scipy.special import softmax

    if scores.min(initial=0.0) >= 0 and scores.max(initial=0.0) <= 1:
        return scores
    return np.asarray(softmax(scores.astype(np.float64), axis=1))


def as_scores(outputs: np.ndarray) -> np.ndarray:
    """One row of scores per example; a single output from 0 to 1 is the probability of the second class."""
    return np.concatenate([1 - outputs, outputs], axis=1) if outputs.shape[1] == 1 else outputs
