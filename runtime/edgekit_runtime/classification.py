"""Converts scores to labelled classes."""

import os
from collections.abc import Sequence
from typing import Any, NamedTuple, Union

import numpy as np

from edgekit_runtime.errors import DataError, UsageError

#: White space that is stripped from labels in a text file. Other white space, such as U+0085, is part of the label.
_BLANKS = " \t\r\n"


class LabelScore(NamedTuple):
    """A class with its score.

    Attributes:
        label: Label of the class.
        score: Score, as returned by the model: a probability if the model ends in a softmax.
    """

    label: str
    score: float

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for ``--json``."""
        return self._asdict()


class Classification(NamedTuple):
    """The classes predicted for one image.

    Attributes:
        index: Number of the best class, starting at 0.
        top: The best classes, best first.
    """

    index: int  # type: ignore[assignment]
    top: tuple[LabelScore, ...]

    @property
    def label(self) -> str:
        """Label of the best class."""
        return self.top[0].label

    @property
    def score(self) -> float:
        """Score of the best class."""
        return self.top[0].score

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for ``--json``."""
        top = [entry.to_dict() for entry in self.top]
        return {"label": self.label, "score": self.score, "index": self.index, "top": top}


def probabilities(scores: np.ndarray, is_logit: bool) -> np.ndarray:
    """Convert scores so that their decision threshold is 0.5: the sigmoid of logits, all other scores unchanged.

    Args:
        scores: Floats of any shape, or integers.
        is_logit: Whether the scores are logits, see ``edgekit_runtime.task.Kind``.
    """
    if not is_logit or scores.dtype.kind != "f":
        return scores
    # The sigmoid does not change beyond 80, and float32 would overflow.
    return np.asarray(1 / (1 + np.exp(-np.clip(scores, -80, 80))))


def predicted_classes(scores: np.ndarray) -> np.ndarray:
    """The predicted class of each row of scores.

    Args:
        scores: Floats (..., C), where C is the number of classes; a single score belongs to the second of two classes.
            Integers are the numbers of classes that the model itself has chosen.
    Returns:
        int64, of shape (...) for floats and of the shape of ``scores`` for integers.
    """
    if scores.dtype.kind in "iu":
        return scores.astype(np.int64)
    if scores.shape[-1] == 1:
        return np.asarray(scores[..., 0] > 0.5, np.int64)
    return np.asarray(scores.argmax(-1), np.int64)


def rank(scores: np.ndarray, labels: Sequence[str], top_k: int) -> list[Classification]:
    """Return the ``top_k`` best classes of each row of scores, shape (N, C); ties are broken by the lower index."""
    results = []
    for row in scores:
        # Usually only the best class is wanted, which does not require sorting.
        best = [int(row.argmax())] if top_k == 1 else (-row).argsort(kind="stable")[:top_k].tolist()
        results.append(Classification(best[0], tuple([LabelScore(labels[index], row.item(index)) for index in best])))
    return results


def read_labels(labels: Union[Sequence[str], str, "os.PathLike[str]"]) -> tuple[str, ...]:
    """Read labels from a sequence, or from a text file with one label per line.

    Raises:
        DataError: The file is missing or is not a text file.
    """
    if not isinstance(labels, (str, os.PathLike)):
        return tuple(str(label) for label in labels)
    path = os.fspath(labels)
    try:
        with open(path, encoding="utf-8") as file:
            lines = [line.strip(_BLANKS) for line in file]
        return tuple(line for line in lines if line)
    except FileNotFoundError:
        raise DataError(f"The labels file {path} does not exist.", next_step="check the path") from None
    # A path with a null byte raises a ValueError, and so does text that is not UTF-8.
    except (OSError, ValueError) as error:
        raise DataError(f"The labels file {path} cannot be read as text.", received=str(error)) from error


def split_labels(text: str) -> tuple[str, ...]:
    """Split the text of a packed ``labels.txt`` into labels, one per line; an empty line is an empty label.

    Only newlines end a label. U+0085, U+2028 and vertical tabs, at which ``str.splitlines`` also splits, are part of
    the label.
    """
    lines = text.split("\n")
    if not lines[-1]:
        lines.pop()
    # Other tools may have written the file on Windows.
    return tuple(line[:-1] if line.endswith("\r") else line for line in lines)


def class_count(output_shapes: Sequence[tuple[int, ...]]) -> int:
    """Number of classes, inferred from the shapes of a model's outputs; 0 if the model does not return rows of scores.

    A single score, of shape (N, 1), distinguishes two classes.
    """
    if len(output_shapes) != 1 or len(output_shapes[0]) != 2 or output_shapes[0][1] < 1:
        return 0
    return max(output_shapes[0][1], 2)


def labels_for(labels: tuple[str, ...], class_count: int) -> tuple[str, ...]:
    """The labels, or the class numbers if there are no labels.

    Raises:
        UsageError: There are more or fewer labels than classes.
    """
    if not labels:
        return tuple(str(index) for index in range(class_count))
    if len(labels) != class_count:
        raise UsageError(
            "The labels do not match the model.",
            expected=f"{class_count} labels, one per class",
            received=f"{len(labels)} labels",
        )
    return labels
