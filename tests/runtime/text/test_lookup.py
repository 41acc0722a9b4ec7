"""Words, characters and whole strings: equal to Keras's on 10,000 texts in ten scripts."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest

from edgekit_runtime.errors import TensorMismatchError, UsageError
from edgekit_runtime.text.lookup import LookupTokenizer, make_lookup

SPLITS = {"whitespace": "words", "character": "characters", None: "whole"}


def tokenizer_like(options: dict[str, Any], vocabulary: list[str]) -> LookupTokenizer:
    """The tokenizer that corresponds to a TextVectorization layer."""
    ngrams = options.get("ngrams", ())
    return LookupTokenizer(
        ["", "[UNK]", *vocabulary],
        name=SPLITS[options.get("split", "whitespace")],
        standardize=options.get("standardize", "lower_and_strip_punctuation") or "none",
        ngrams=range(1, ngrams + 1) if isinstance(ngrams, int) else ngrams,
        unknown=1,
    )


@pytest.mark.parametrize(
    "case",
    [
        "words",
        "lower",
        "stripped",
        "as_they_are",
        "characters",
        "characters_as_they_are",
        "ngrams",
        "pairs_and_words",
        "whole",
    ],
)
def test_indices_are_those_of_keras(
    case: str, keras_tokens: ModuleType, texts: list[str], keras_checksums: dict[str, list[str]]
) -> None:
    tokenizer = tokenizer_like(keras_tokens.CASES[case], keras_tokens.vocabulary_of(case))
    indices = [tokenizer.encode(text) for text in texts]
    assert keras_tokens.checksums(indices) == keras_checksums[case]
    # The comparison would be worth little if all tokens were unknown.
    assert sum(index > 1 for row in indices for index in row) > (20 if case == "whole" else 3000)


def test_every_case_is_compared(keras_tokens: ModuleType, keras_checksums: dict[str, list[str]]) -> None:
    assert set(keras_checksums) == {*keras_tokens.CASES, *keras_tokens.VECTORS}


@pytest.mark.parametrize(
    ("text", "indices"),
    [
        pytest.param("", [], id="empty"),
        pytest.param(" \t\n", [], id="white space"),
        pytest.param("one " * 3 + "x" * 1_000_000, [2, 2, 2, 1], id="a word of a megabyte"),
        pytest.param(b"one \xff\xfe two\xc3", [2, 1, 1], id="bytes that are not UTF-8"),
        pytest.param("One, TWO!", [2, 3], id="capital letters and punctuation"),
        pytest.param("one\u3000two", [1], id="white space outside ASCII does not split"),
        pytest.param("\U000e0001 \U0001f600 one", [1, 1, 2], id="unassigned and emoji"),
    ],
)
def test_odd_texts(text: str | bytes, indices: list[int]) -> None:
    assert tokenizer_like({}, ["one", "two"]).encode(text) == indices


@pytest.mark.parametrize(
    ("text", "received"),
    [
        pytest.param("one \ud800", "character 5", id="half of a surrogate pair"),
        pytest.param(3, "int", id="a number"),
        pytest.param(None, "NoneType", id="nothing"),
    ],
)
def test_what_is_not_a_text_is_refused(text: Any, received: str) -> None:
    with pytest.raises(TensorMismatchError) as caught:
        tokenizer_like({}, ["one"]).encode(text)
    assert received in caught.value.received


def test_a_token_outside_a_vocabulary_without_an_unknown_token_is_refused() -> None:
    with pytest.raises(TensorMismatchError, match="no unknown token") as caught:
        LookupTokenizer(["one"]).encode("one " + "two" * 50)
    assert caught.value.received == repr("two" * 13 + "t…")


def test_a_tokenizer_for_a_file_takes_the_unknown_token_from_it() -> None:
    assert make_lookup("words", ["<pad>", "<unk>", "one"]).encode("One two") == [2, 1]
    assert make_lookup("characters", ["a", "A"]).encode("Aa") == [1, 0]


@pytest.mark.parametrize(
    ("name", "indices", "text"),
    [("words", [1, 0], "b a"), ("characters", [1, 0], "ba"), ("whole", [0], "a")],
)
def test_tokens_become_a_text_again(name: str, indices: list[int], text: str) -> None:
    assert LookupTokenizer(["a", "b"], name=name).decode(indices) == text


@pytest.mark.parametrize("index", [-1, 2])
def test_an_index_outside_the_vocabulary_is_refused(index: int) -> None:
    with pytest.raises(TensorMismatchError, match="not the index of a token"):
        LookupTokenizer(["a", "b"]).decode([index])


@pytest.mark.parametrize(
    "options",
    [
        {"name": "sentences"},
        {"standardize": "upper"},
        {"ngrams": [0]},
        {"ngrams": [10**9]},
        {"ngrams": [True]},
        {"ngrams": [1] * 11},
        {"unknown": 1},
        {"unknown": -1},
        {"unknown": True},
    ],
    ids=str,
)
def test_invalid_options_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        LookupTokenizer(["a"], **options)
