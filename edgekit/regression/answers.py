"""What a model answered to every sample, kept small enough to be committed.

Two models are compared sample by sample, so the baseline keeps an answer for each: the class of a classifier, the
error of a model that estimates numbers, and of any other model a few outputs as they are.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgekit_runtime.errors import EdgekitError

#: Codes of classes are stored in 32 bits.
_MOST_CLASSES = 2**31
#: A few compressed bytes could state any number.
_MOST_VALUES = 100_000_000


@dataclass(frozen=True, slots=True)
class ClassAnswers:
    """What a classifier answered.

    Attributes:
        predicted: Class of each sample, int64 (N,).
        classes: How many classes the model has.
        labels: Right class of each sample, int64 (N,); None without labels.
    """

    predicted: np.ndarray
    classes: int
    labels: np.ndarray | None

    @property
    def top1(self) -> float | None:
        """Share of samples labelled right; None without labels."""
        return None if self.labels is None else float(np.mean(self.predicted == self.labels))

    @property
    def right(self) -> np.ndarray:
        """Whether each sample is labelled right, bool (N,); needs labels."""
        return np.asarray(self.predicted == self.labels)

    def pack(self) -> dict[str, Any]:
        """As plain values. Right answers are zeros, which compress to next to nothing."""
        codes = self.predicted if self.labels is None else (self.predicted - self.labels) % self.classes
        width = "<u1" if self.classes <= 256 else "<u4"
        labelled = self.labels is not None
        return {"kind": "classes", "classes": self.classes, "labelled": labelled, **_pack(codes.astype(width))}


@dataclass(frozen=True, slots=True)
class ErrorAnswers:
    """How far a model's numbers are from the right ones.

    Attributes:
        errors: Absolute error of each sample, the mean over its outputs, float (N,).
    """

    errors: np.ndarray

    @property
    def mean_absolute_error(self) -> float:
        """The mean over the samples."""
        return float(np.mean(self.errors))

    def pack(self) -> dict[str, Any]:
        """As plain values; three decimal digits of each error."""
        scale = float(self.errors.max(initial=0)) or 1.0
        return {"kind": "errors", "scale": scale, **_pack((self.errors / scale).astype("<f2"))}


@dataclass(frozen=True, slots=True)
class ScoreAnswers:
    """How good a model's predictions of many parts are: the pixels of a mask, the steps of a sequence, several labels.

    Attributes:
        metric: What scores an example, a share of its parts from 0 to 1.
        scores: Score of each sample, float (N,).
    """

    metric: str
    scores: np.ndarray

    @property
    def mean(self) -> float:
        """The mean over the samples."""
        return float(np.mean(self.scores))

    def pack(self) -> dict[str, Any]:
        """As plain values; three decimal digits of each score."""
        return {"kind": "scores", "metric": self.metric, "scale": 1.0, **_pack(self.scores.astype("<f2"))}


@dataclass(frozen=True, slots=True)
class OutputAnswers:
    """Outputs as they are, of a model whose answers are neither classes nor known to be right.

    Attributes:
        outputs: The first values of the first samples, in order, float (M,).
    """

    outputs: np.ndarray

    def pack(self) -> dict[str, Any]:
        """As plain values; three decimal digits of each."""
        scale = float(np.abs(self.outputs).max(initial=0)) or 1.0
        return {"kind": "outputs", "scale": scale, **_pack((self.outputs / scale).astype("<f2"))}


#: What is known of one output.
AnswersOfOne = ClassAnswers | ErrorAnswers | ScoreAnswers | OutputAnswers


@dataclass(frozen=True, slots=True)
class NamedAnswers:
    """What a model of several outputs answered, each of them by its kind.

    Attributes:
        by_output: The answers by output name.
    """

    by_output: Mapping[str, AnswersOfOne]

    def pack(self) -> dict[str, Any]:
        """As plain values."""
        return {"kind": "named", "outputs": {name: answers.pack() for name, answers in self.by_output.items()}}


Answers = AnswersOfOne | NamedAnswers
#: Right classes of the samples, int64 (N,), or those of each output by its name; None without labels.
Labels = np.ndarray | Mapping[str, np.ndarray | None] | None
_OF_NUMBERS: dict[str, type[ErrorAnswers] | type[OutputAnswers]] = {"errors": ErrorAnswers, "outputs": OutputAnswers}


def labels_of(answers: Answers) -> Labels:
    """The labels that class answers are stored relative to."""
    if isinstance(answers, NamedAnswers):
        return {name: each.labels for name, each in answers.by_output.items() if isinstance(each, ClassAnswers)}
    return answers.labels if isinstance(answers, ClassAnswers) else None


def packed_by_output(packed: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What ``pack`` stored of each output by name, under "" of the only one; what is damaged is left out."""
    if packed.get("kind") != "named":
        return {"": packed}
    outputs = packed.get("outputs")
    if not isinstance(outputs, dict):
        return {}
    return {name: each for name, each in outputs.items() if isinstance(each, dict)}


def unpack_answers(packed: dict[str, Any], labels: Labels, samples: int, where: str) -> Answers:
    """Read what ``pack`` stored.

    Args:
        packed: The plain values.
        labels: Right class of each sample, of the very data the answers were given to, see ``labels_of``.
        samples: How many samples these are.
        where: What the values stand in, for the message.
    Raises:
        EdgekitError: They are damaged, or belong to other data.
    """
    try:
        if packed["kind"] != "named":
            return _unpack_one(packed, None if isinstance(labels, Mapping) else labels, samples)
        known = labels if isinstance(labels, Mapping) else {}
        return NamedAnswers(
            {name: _unpack_one(each, known.get(name), samples) for name, each in packed["outputs"].items()}
        )
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError, MemoryError, zlib.error) as error:
        raise EdgekitError(
            f"The answers stored in {where} are damaged.",
            received=str(error),
            next_step="restore the file from version control, or write it anew with: edgekit check --update-baseline",
        ) from error


def _unpack_one(packed: dict[str, Any], labels: np.ndarray | None, samples: int) -> AnswersOfOne:
    if packed["kind"] == "classes":
        return _unpack_classes(packed, labels, samples)
    values = _unpack(packed, "<f2").astype(np.float64) * float(packed["scale"])
    if not np.isfinite(values).all():
        raise ValueError("a number that is not finite")
    if packed["kind"] == "errors":
        _require_count(values, samples)
    if packed["kind"] == "scores":
        return ScoreAnswers(str(packed["metric"]), values)
    return _OF_NUMBERS[packed["kind"]](values)


def _unpack_classes(packed: dict[str, Any], labels: np.ndarray | None, samples: int) -> ClassAnswers:
    classes, labelled = int(packed["classes"]), bool(packed["labelled"])
    if not 1 <= classes <= _MOST_CLASSES:
        raise ValueError(f"{classes} classes")
    codes = _unpack(packed, "<u1" if classes <= 256 else "<u4").astype(np.int64)
    _require_count(codes, samples)
    if len(codes) and codes.max() >= classes:
        raise ValueError(f"class {codes.max()} of {classes}")
    if not labelled:
        return ClassAnswers(codes, classes, None)
    if labels is None or len(labels) != len(codes):
        raise ValueError(f"{len(codes)} answers to labelled data, for {0 if labels is None else len(labels)} labels")
    return ClassAnswers((codes + labels) % classes, classes, labels)


def _require_count(values: np.ndarray, samples: int) -> None:
    if len(values) != samples:
        raise ValueError(f"{len(values)} answers to {samples} samples")


def _pack(values: np.ndarray) -> dict[str, Any]:
    return {"samples": len(values), "values": base64.b64encode(zlib.compress(values.tobytes(), 9)).decode()}


def _unpack(packed: dict[str, Any], dtype: str) -> np.ndarray:
    samples = int(packed["samples"])
    if not 0 <= samples <= _MOST_VALUES:
        raise ValueError(f"{samples} answers")
    # Never unpacks more than was stated, whatever the file holds.
    stored = zlib.decompressobj().decompress(
        base64.b64decode(packed["values"], validate=True), samples * np.dtype(dtype).itemsize + 1
    )
    values = np.frombuffer(stored, dtype)
    if len(values) != samples:
        raise ValueError(f"{len(values)} answers where {samples} are stated")
    return values
