"""WordPiece: equal to the tokenizers of Hugging Face."""

from __future__ import annotations

from typing import Any

import pytest

from edgekit_runtime.errors import TensorMismatchError, UsageError
from edgekit_runtime.text.wordpiece import WordPieceTokenizer, make_wordpiece

TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "un", "##able", "##aff", "##a", "!", "日"]


@pytest.mark.parametrize("name", ["uncased", "cased"])
def test_indices_are_those_of_hugging_face(name: str, pieces: dict[str, Any]) -> None:
    tokenizer = make_wordpiece(pieces[name]["vocabulary"])
    assert tokenizer.lowercase == (name == "uncased")
    indices = [tokenizer.encode(text) for text in pieces["texts"]]
    differences = [
        (text, found, expected)
        for text, found, expected in zip(pieces["texts"], indices, pieces[name]["indices"])
        if found != expected
    ]
    assert not differences
    assert len(indices) > 300 and sum(row.count(1) for row in indices) < 0.3 * sum(map(len, indices))


@pytest.mark.parametrize(
    ("text", "indices"),
    [
        pytest.param("Unaffable!", [4, 6, 5, 8], id="the longest pieces first"),
        pytest.param("unx", [1], id="a word that pieces do not make up is unknown as a whole"),
        pytest.param("日日", [9, 9], id="a Chinese character is a word"),
        pytest.param("ün\x00able\u200d", [4, 5], id="accents and control characters are removed"),
        pytest.param("[SEP]", [1, 1, 1], id="special tokens in a text are text"),
        pytest.param("un" + "a" * 1_000_000, [1], id="a word of a megabyte"),
        pytest.param(b"un\xff un\xed\xa0\x80", [4, 4], id="bytes that are not UTF-8"),
        pytest.param("", [], id="empty"),
    ],
)
def test_pieces(text: str | bytes, indices: list[int]) -> None:
    assert make_wordpiece(TOKENS).encode(text) == [2, *indices, 3]


def test_pieces_become_words_again() -> None:
    assert make_wordpiece(TOKENS).decode([2, 4, 6, 5, 8, 9, 3, 0, 0]) == "unaffable ! 日"


def test_half_of_a_surrogate_pair_is_refused() -> None:
    with pytest.raises(TensorMismatchError, match="UTF-8"):
        make_wordpiece(TOKENS).encode("\udc80")


@pytest.mark.parametrize(
    "options",
    [{"unknown": 99}, {"unknown": None}, {"unknown": 0, "longest_word": 10**9}, {"unknown": 0, "special": True}],
    ids=str,
)
def test_invalid_options_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        WordPieceTokenizer(["a"], **options)


def test_a_vocabulary_without_an_unknown_token_is_refused() -> None:
    with pytest.raises(UsageError, match="no token for unknown words"):
        make_wordpiece(["a"])
