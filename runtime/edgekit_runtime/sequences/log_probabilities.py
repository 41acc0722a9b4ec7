"""Converts a model's scores to natural logarithms of probabilities."""

from __future__ import annotations

import numpy as np

#: Kinds of scores that models return, with the meaning that the manifest gives them.
PROBABILITIES, LOGITS = "probabilities", "logits"
#: Sums of probabilities differ from 1 by less than this in float32.
_SUM_TOLERANCE = 1e-3


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


def kind_of_scores(scores: np.ndarray) -> str:
    """The kind of a float model's scores: probabilities if none is negative and each row adds up to 1."""
    is_sum_one = np.abs(scores.astype(np.float64).sum(-1) - 1) < _SUM_TOLERANCE
    return PROBABILITIES if bool((scores >= 0).all() and is_sum_one.all()) else LOGITS
