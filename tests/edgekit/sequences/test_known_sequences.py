"""Known sequences, their special tokens, and the steps that a decoder is calibrated on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgekit.sequences.known_sequences import known_sequences
from edgekit.sequences.special_tokens import find_special_tokens
from edgekit_runtime.errors import DataError, UsageError
from edgekit_runtime.sequences.decoding import StepwiseDecoding
from edgekit_runtime.text.tokenizers import make_tokenizer

DECODING = StepwiseDecoding(start=1, end=2, padding=0)


@pytest.mark.parametrize(
    "rows",
    [
        np.array([[1, 5, 6, 2, 0], [1, 7, 2, 0, 0]]),
        np.array([[5, 6, 0], [7, 0, 0]]),
        [[5, 6], [7]],
        [[1, 5, 6, 2, 9, 9], [7, 2]],
    ],
    ids=["complete", "padded", "lists", "behind the end"],
)
def test_start_end_and_padding_are_completed(rows: Any) -> None:
    known = known_sequences(rows, DECODING)
    assert known.tokens.tolist() == [[1, 5, 6, 2], [1, 7, 2, 0]]
    assert known.tokens.dtype == np.int32
    assert known.lengths.tolist() == [4, 3]
    assert known.generated() == [(5, 6), (7,)]
    assert known.rows([1]).generated() == [(7,)]


@pytest.mark.parametrize("rows", [[[0.5]], [[-1]], np.zeros((1, 2, 2), int)], ids=["float", "negative", "3 axes"])
def test_what_is_not_tokens_is_refused(rows: Any) -> None:
    with pytest.raises(DataError, match="not numbers of tokens"):
        known_sequences(rows, DECODING)


def test_special_tokens_are_found_by_name_in_the_vocabulary_or_in_the_data() -> None:
    words = make_tokenizer("words", b"\n[UNK]\n[start]\n[end]\nein\n")
    assert find_special_tokens(words, None, None, None) == (2, 3, 0)
    assert find_special_tokens(words, "ein", 1, None) == (4, 1, 0)
    rows = np.array([[8, 5, 6, 9, 0], [8, 7, 9, 0, 0]])
    assert find_special_tokens(None, None, None, rows) == (8, 9, 0)
    assert find_special_tokens(None, "3", 4, rows) == (3, 4, 0)


@pytest.mark.parametrize(
    ("start", "end", "rows", "option"),
    [
        (None, 1, None, "--start-token"),
        (0, None, [[8, 1], [8, 2]], "--end-token"),
        ("word", 1, None, "--start-token"),
        (None, 1, [[8, 1], [7, 1]], "--start-token"),
    ],
)
def test_unknown_special_tokens_are_refused(start: Any, end: Any, rows: Any, option: str) -> None:
    with pytest.raises(UsageError, match="token of the sequences is not known") as caught:
        find_special_tokens(None, start, end, rows)
    assert option in caught.value.next_step
