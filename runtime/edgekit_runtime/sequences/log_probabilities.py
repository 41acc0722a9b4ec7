"""Converts a model's scores to natural logarithms of probabilities."""

from __future__ import annotations

import numpy as np

#: Kinds of scores that models return, with the meaning that the manifest gives them.
PROBABILITIES, LOGITS = "probabilities", "logits"


def log_probabilities(scores: np.ndarray, kind: str) -> np.ndarray:
    """Convert scores to natural logarithms of probabilities, in float64.

    Args:
        scores: Any shape, the tokens on the last axis.
        kind: ``probabilities``, or ``logits`` for any scores whose softmax are the probabilities; logarithms of
            probabilities are such scores.
    Returns:
        Same shape; ``-inf`` for a probability of 0 or, by the rounding of integers, below.
    """
    values = np.asarray(scores, np.float64)
    if kind == PROBABILITIES:
        with np.errstate(divide="ignore", invalid="ignore"):
            # np.maximum keeps NaN, which the search reports.
            return np.log(np.maximum(values, 0.0))
    largest = values.max(axis=-1, keepdims=True)
    shifted = values - np.where(np.isfinite(largest), largest, 0.0)
    with np.errstate(divide="ignore", over="ignore"):
        return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
