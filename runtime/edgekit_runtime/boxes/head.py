"""What decoders of all head layouts are given, and the errors that they share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from edgekit_runtime.boxes.parameters import Value
from edgekit_runtime.errors import TensorMismatchError

#: Rounding of integers may carry a probability beyond 0 and 1 by less than this.
_SLACK = 0.05


class Head(NamedTuple):
    """What a decoder needs beside the outputs.

    Attributes:
        height: Height of the model's input in pixels.
        width: Width of the model's input in pixels.
        parameters: Value of each parameter of the layout.
        anchors: float32 (N, 4), the anchor table; ``None`` if the layout has none.
    """

    height: int
    width: int
    parameters: Mapping[str, Value]
    anchors: np.ndarray | None = None

    def numbers(self, name: str) -> tuple[float, ...]:
        """A parameter that is a list of numbers."""
        value = self.parameters[name]
        assert isinstance(value, tuple)
        return value

    def count(self, name: str) -> int:
        """A parameter that is a whole number."""
        value = self.parameters[name]
        assert isinstance(value, int)
        return value

    @property
    def scale(self) -> np.ndarray:
        """Pixels per unit of a box (x, y, x, y), by the parameter ``coordinates``: float32 (4,)."""
        if self.parameters["coordinates"] == "pixels":
            return np.ones(4, np.float32)
        return np.array([self.width, self.height] * 2, np.float32)


def mismatch(expected: str, outputs: Sequence[np.ndarray]) -> TensorMismatchError:
    """An error for outputs that do not have the shapes of their layout."""
    return TensorMismatchError(
        "The model's outputs do not have the shapes of its head layout.",
        expected=expected,
        received=", ".join(str(output.shape) for output in outputs),
        next_step="declare the layout again: edgekit pack --boxes LAYOUT --box-parameter NAME=VALUE",
    )


def as_probabilities(scores: np.ndarray) -> np.ndarray:
    """Scores from 0 to 1, without what rounding carried beyond.

    Raises:
        TensorMismatchError: Scores are far outside, so they are not probabilities.
    """
    known = scores[np.isfinite(scores)]
    if known.size and (known.min() < -_SLACK or known.max() > 1 + _SLACK):
        raise TensorMismatchError(
            "The model's scores are not probabilities.",
            expected="scores from 0 to 1",
            received=f"{known.min():g} to {known.max():g}",
            next_step="declare how they become probabilities, for example: --box-parameter activation=sigmoid, or a "
            "layout whose name ends in -raw",
        )
    return scores.clip(0, 1)
