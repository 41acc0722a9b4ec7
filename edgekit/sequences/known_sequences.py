"""Sequences that data has as ground truth: token numbers with start and end token, padded to one length."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edgekit_runtime.errors import DataError
from edgekit_runtime.sequences.decoding import StepwiseDecoding


@dataclass(frozen=True, slots=True)
class KnownSequences:
    """The sequences of some examples.

    Attributes:
        tokens: Shape (N, steps), int32: the start token, the tokens, the end token, padding.
        lengths: Shape (N,): number of tokens of each example, start and end included.
    """

    tokens: np.ndarray
    lengths: np.ndarray

    def __len__(self) -> int:
        return len(self.tokens)

    def rows(self, rows: Sequence[int] | np.ndarray) -> KnownSequences:
        """The sequences of some of the examples."""
        return KnownSequences(self.tokens[rows], self.lengths[rows])

    def generated(self) -> list[tuple[int, ...]]:
        """What a model has to generate for each example: the tokens without start and end."""
        return [tuple(row[1 : length - 1].tolist()) for row, length in zip(self.tokens, self.lengths, strict=True)]


def known_sequences(rows: Sequence[Sequence[int]] | np.ndarray, decoding: StepwiseDecoding) -> KnownSequences:
    """Complete the sequences of data: everything behind the end token is padding, and start and end may be missing.

    Args:
        rows: Token numbers of each example, of different lengths or padded.
        decoding: The numbers of start, end and padding.
    Raises:
        DataError: A token is not a whole number of at least 0.
    """
    completed = [_completed(row, decoding) for row in rows]
    lengths = np.array([len(row) for row in completed], np.int64)
    tokens = np.full((len(completed), lengths.max(initial=2)), decoding.padding, np.int32)
    for row, values in zip(tokens, completed, strict=True):
        row[: len(values)] = values
    return KnownSequences(tokens, lengths)


def _completed(row: Sequence[int] | np.ndarray, decoding: StepwiseDecoding) -> list[int]:
    values = np.asarray(row)
    if values.ndim != 1 or (values.size and values.dtype.kind not in "iu") or (values < 0).any():
        raise DataError(
            "The sequences in the data are not numbers of tokens.",
            expected="whole numbers of at least 0, one row per example",
            received=f"{values.dtype} of shape {values.shape}",
        )
    tokens: list[int] = values.astype(np.int64).tolist()
    if tokens[:1] == [decoding.start]:
        tokens = tokens[1:]
    if decoding.end in tokens:
        tokens = tokens[: tokens.index(decoding.end)]
    else:
        while tokens and tokens[-1] == decoding.padding:
            tokens.pop()
    return [decoding.start, *tokens, decoding.end]
