"""Finds the start token, the end token and the padding of generated sequences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from edgekit_runtime.errors import UsageError
from edgekit_runtime.text.tokenizers import Tokenizer
from edgekit_runtime.text.vocabulary import PADDING_TOKENS, first_index

#: Names of these tokens in the tutorials of Keras, in BERT, SentencePiece and fairseq, in the order of the search.
_STARTS = ("[start]", "[START]", "<start>", "<s>", "[BOS]", "<bos>", "[CLS]", "<sos>", "[SOS]")
_ENDS = ("[end]", "[END]", "<end>", "</s>", "[EOS]", "<eos>", "[SEP]")


def find_special_tokens(
    tokenizer: Tokenizer | None, start: int | str | None, end: int | str | None, rows: Sequence[Any] | np.ndarray | None
) -> tuple[int, int, int]:
    """Find the numbers of start token, end token and padding.

    Args:
        tokenizer: Tokenizer of the sequences; None if tokens have no text.
        start: The user's start token, by number or by name; None searches the usual names in the vocabulary, then the
            data.
        end: The user's end token, likewise.
        rows: Sequences of the data as numbers; None if there are none.
    Returns:
        Start token, end token, padding.
    Raises:
        UsageError: A token is not in the vocabulary, or cannot be found.
    """
    words = getattr(tokenizer, "tokens", ())
    padding = (first_index(words, PADDING_TOKENS) if words else None) or 0
    found = [
        _number(given, option, words, names, _common(rows, place, padding))
        for given, option, names, place in (
            (start, "--start-token", _STARTS, 0),
            (end, "--end-token", _ENDS, -1),
        )
    ]
    return found[0], found[1], padding


def _number(
    given: int | str | None, option: str, words: Sequence[str], names: Sequence[str], common: int | None
) -> int:
    if given is None:
        number = first_index(words, names) if words else common
    elif isinstance(given, str) and given in words:
        number = words.index(given)
    else:
        number = int(given) if str(given).isdecimal() else None
    if number is None or (words and number >= len(words)):
        raise UsageError(
            f"The {'start' if 'start' in option else 'end'} token of the sequences is not known.",
            expected=f"{option} with its number, or its word in the vocabulary",
            received=f"no word such as {names[0]} in the vocabulary" if given is None else repr(given),
            next_step=f"pass {option}",
        )
    return number


def _common(rows: Sequence[Any] | np.ndarray | None, place: int, padding: int) -> int | None:
    """The token that all sequences have in their first or last place; None if they differ."""
    if rows is None:
        return None
    found = set()
    for row in rows:
        values = np.asarray(row)
        if values.ndim != 1 or values.dtype.kind not in "iu":
            return None
        used = np.flatnonzero(values != padding)
        if place == 0:
            found.update(values[:1].tolist())
        elif len(used):
            found.add(int(values[used[-1]]))
        if len(found) > 1:
            return None
    return int(found.pop()) if found else None
