"""Vocabularies as parts of a file, and as other tools write them."""

from __future__ import annotations

import pytest

from edgekit_runtime.errors import DataError
from edgekit_runtime.text.vocabulary import MOST_TOKENS, read_plain_vocabulary, read_vocabulary, write_vocabulary


@pytest.mark.parametrize(
    "tokens",
    [
        ("", "[UNK]", "a"),
        ("\n", "\r", "\\", "\\n", "\\\\n\n", "a\\"),
        ("\u2028", "\x85", "\x00", "日本", "a b"),
        ("a", ""),
        ("",),
    ],
)
def test_tokens_survive(tokens: tuple[str, ...]) -> None:
    assert read_vocabulary(write_vocabulary(tokens)) == tokens


def test_a_file_of_another_tool_has_no_escapes() -> None:
    assert read_plain_vocabulary(b"\xef\xbb\xbfa\r\n\\n\r\nb") == ("a", "\\n", "b")


@pytest.mark.parametrize(
    ("content", "received"),
    [
        (b"", "nothing"),
        (b"\n" * (MOST_TOKENS + 1), "2000001 lines"),
        (b"a\n\xff\n", "invalid start byte"),
        (b"a\\t\n", "a\\t"),
        (b"a\\\n", "a\\"),
    ],
    ids=["empty", "too many lines", "not UTF-8", "unknown escape", "unfinished escape"],
)
def test_what_is_not_a_vocabulary_is_refused(content: bytes, received: str) -> None:
    with pytest.raises(DataError) as caught:
        read_vocabulary(content)
    assert received in caught.value.received


def test_half_of_a_surrogate_pair_is_refused() -> None:
    with pytest.raises(DataError, match="UTF-8"):
        write_vocabulary(["\ud800"])
