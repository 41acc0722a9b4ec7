"""A model's prediction for every example, packed small enough to be committed.

Two models are compared example by example, so the baseline keeps one entry per example: the class that a classifier
predicts, the error of a regression model, the boxes of a detector that are right, and a few raw outputs of any other
model.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgekit.regression.box_predictions import BoxPredictions, unpack_boxes
from edgekit.regression.packed_arrays import packed_array, unpacked_array
from edgekit_runtime.errors import EdgekitError

#: Class codes are stored in 32 bits.
_MOST_CLASSES = 2**31


@dataclass(frozen=True, slots=True)
class ClassPredictions:
    """The predictions of a classifier.

    Attributes:
        predicted: Predicted class of each example, int64 (N,).
        classes: Number of classes of the model.
        true_classes: True class of each example, int64 (N,); None if the data has no ground truth.
    """

    predicted: np.ndarray
    classes: int
    true_classes: np.ndarray | None

    @property
    def top1(self) -> float | None:
        """Top-1 accuracy, a fraction; None without ground truth."""
        return None if self.true_classes is None else float(np.mean(self.predicted == self.true_classes))

    @property
    def right(self) -> np.ndarray:
        """Whether each prediction is correct, bool (N,); needs ground truth."""
        return np.asarray(self.predicted == self.true_classes)

    def pack(self) -> dict[str, Any]:
        """Plain values for JSON. Correct predictions become zeros, which compress well."""
        codes = self.predicted if self.true_classes is None else (self.predicted - self.true_classes) % self.classes
        width = "<u1" if self.classes <= 256 else "<u4"
        labelled = self.true_classes is not None
        return {"kind": "classes", "classes": self.classes, "labelled": labelled, **packed_array(codes.astype(width))}


@dataclass(frozen=True, slots=True)
class PredictionErrors:
    """How far a model's values are from the ground truth.

    Attributes:
        errors: Absolute error of each example, averaged over its values, float (N,).
    """

    errors: np.ndarray

    @property
    def mean_absolute_error(self) -> float:
        """Mean over the examples."""
        return float(np.mean(self.errors))

    def pack(self) -> dict[str, Any]:
        """Plain values for JSON; each error keeps three significant digits."""
        scale = float(self.errors.max(initial=0)) or 1.0
        return {"kind": "errors", "scale": scale, **packed_array((self.errors / scale).astype("<f2"))}


@dataclass(frozen=True, slots=True)
class PredictionScores:
    """Scores of predictions that have many parts: the pixels of a mask, the steps of a sequence, several labels.

    Attributes:
        metric: Name of the metric that scores an example: a share of its parts from 0 to 1.
        scores: Score of each example, float (N,).
    """

    metric: str
    scores: np.ndarray

    @property
    def mean(self) -> float:
        """Mean over the examples."""
        return float(np.mean(self.scores))

    def pack(self) -> dict[str, Any]:
        """Plain values for JSON; each score keeps three significant digits."""
        return {"kind": "scores", "metric": self.metric, "scale": 1.0, **packed_array(self.scores.astype("<f2"))}


@dataclass(frozen=True, slots=True)
class RawOutputs:
    """Raw outputs of a model whose predictions are neither classes nor comparable with ground truth.

    Attributes:
        outputs: Some values of the first examples, in order, float (M,).
    """

    outputs: np.ndarray

    def pack(self) -> dict[str, Any]:
        """Plain values for JSON; each value keeps three significant digits."""
        scale = float(np.abs(self.outputs).max(initial=0)) or 1.0
        return {"kind": "outputs", "scale": scale, **packed_array((self.outputs / scale).astype("<f2"))}


#: The predictions of one output.
PredictionsOfOutput = ClassPredictions | PredictionErrors | PredictionScores | BoxPredictions | RawOutputs


@dataclass(frozen=True, slots=True)
class NamedPredictions:
    """The predictions of a model with several outputs.

    Attributes:
        by_output: Predictions by output name.
    """

    by_output: Mapping[str, PredictionsOfOutput]

    def pack(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {"kind": "named", "outputs": {name: predictions.pack() for name, predictions in self.by_output.items()}}


Predictions = PredictionsOfOutput | NamedPredictions
#: True classes of the examples, int64 (N,), or a mapping of them by output name; None without ground truth.
TrueClasses = np.ndarray | Mapping[str, np.ndarray | None] | None
_OF_NUMBERS: dict[str, type[PredictionErrors] | type[RawOutputs]] = {"errors": PredictionErrors, "outputs": RawOutputs}


def true_classes_of(predictions: Predictions) -> TrueClasses:
    """The true classes that class predictions are stored relative to."""
    if isinstance(predictions, NamedPredictions):
        return {
            name: each.true_classes
            for name, each in predictions.by_output.items()
            if isinstance(each, ClassPredictions)
        }
    return predictions.true_classes if isinstance(predictions, ClassPredictions) else None


def packed_by_output(packed: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What ``pack`` stored for each output by name ("" if there is only one); damaged entries are left out."""
    if packed.get("kind") != "named":
        return {"": packed}
    outputs = packed.get("outputs")
    if not isinstance(outputs, dict):
        return {}
    return {name: each for name, each in outputs.items() if isinstance(each, dict)}


def unpack_predictions(packed: dict[str, Any], true_classes: TrueClasses, samples: int, where: str) -> Predictions:
    """Read predictions that ``pack`` stored.

    Args:
        packed: The plain values from JSON.
        true_classes: True class of each example of the data that was predicted on, see ``true_classes_of``.
        samples: Number of examples.
        where: What contains the values, for the message.
    Raises:
        EdgekitError: The values are damaged, or belong to other data.
    """
    try:
        if packed["kind"] != "named":
            return _unpack_one(packed, None if isinstance(true_classes, Mapping) else true_classes, samples)
        known = true_classes if isinstance(true_classes, Mapping) else {}
        return NamedPredictions(
            {name: _unpack_one(each, known.get(name), samples) for name, each in packed["outputs"].items()}
        )
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError, MemoryError, zlib.error) as error:
        raise EdgekitError(
            f"The predictions stored in {where} are damaged.",
            received=str(error),
            next_step="restore the file from version control, or rewrite it with: edgekit check --update-baseline",
        ) from error


def _unpack_one(packed: dict[str, Any], true_classes: np.ndarray | None, samples: int) -> PredictionsOfOutput:
    if packed["kind"] == "classes":
        return _unpack_classes(packed, true_classes, samples)
    if packed["kind"] == "boxes":
        return unpack_boxes(packed, samples)
    values = unpacked_array(packed, "<f2").astype(np.float64) * float(packed["scale"])
    if not np.isfinite(values).all():
        raise ValueError("a value is not finite")
    if packed["kind"] == "errors":
        _require_count(values, samples)
    if packed["kind"] == "scores":
        return PredictionScores(str(packed["metric"]), values)
    return _OF_NUMBERS[packed["kind"]](values)


def _unpack_classes(packed: dict[str, Any], true_classes: np.ndarray | None, samples: int) -> ClassPredictions:
    classes, labelled = int(packed["classes"]), bool(packed["labelled"])
    if not 1 <= classes <= _MOST_CLASSES:
        raise ValueError(f"{classes} classes")
    codes = unpacked_array(packed, "<u1" if classes <= 256 else "<u4").astype(np.int64)
    _require_count(codes, samples)
    if len(codes) and codes.max() >= classes:
        raise ValueError(f"class {codes.max()} of {classes}")
    if not labelled:
        return ClassPredictions(codes, classes, None)
    if true_classes is None or len(true_classes) != len(codes):
        true_count = 0 if true_classes is None else len(true_classes)
        raise ValueError(f"{len(codes)} predictions for {true_count} true classes")
    return ClassPredictions((codes + true_classes) % classes, classes, true_classes)


def _require_count(values: np.ndarray, samples: int) -> None:
    if len(values) != samples:
        raise ValueError(f"{len(values)} predictions for {samples} examples")
