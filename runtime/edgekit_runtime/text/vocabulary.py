"""Vocabularies: the tokens of a tokenizer, in the order of their indices."""

from __future__ import annotations

import re
from collections.abc import Sequence

from edgekit_runtime.errors import DataError

#: Largest number of tokens; published vocabularies have up to 300,000.
MOST_TOKENS = 2_000_000
#: Names of the token for what is not in the vocabulary, as Keras, BERT and SentencePiece write it.
UNKNOWN_TOKENS = ("[UNK]", "<unk>", "<UNK>", "[OOV]", "<OOV>")
#: Names of the token that fills up short texts.
PADDING_TOKENS = ("", "[PAD]", "<pad>", "<PAD>")

# A line ends a token, so that a token which contains an end of line is written with an escape.
_ORIGINALS = {"\\": "\\", "n": "\n", "r": "\r"}
_ESCAPES = str.maketrans({original: f"\\{letter}" for letter, original in _ORIGINALS.items()})


def write_vocabulary(tokens: Sequence[str]) -> bytes:
    r"""One token per line in UTF-8; backslashes and ends of lines in tokens are written as ``\\``, ``\n`` and ``\r``.

    Raises:
        DataError: A token has half of a surrogate pair.
    """
    try:
        return "".join(f"{token.translate(_ESCAPES)}\n" for token in tokens).encode()
    except UnicodeEncodeError as error:
        raise DataError("A token of the vocabulary cannot be written in UTF-8.", received=str(error)) from error


def read_vocabulary(content: bytes) -> tuple[str, ...]:
    """Read the result of :func:`write_vocabulary`, without trusting it.

    Raises:
        DataError: The content is not a vocabulary.
    """
    lines = _lines(content)
    if "\\" not in lines:
        return tuple(lines.split("\n"))
    return tuple(_unescaped(line) if "\\" in line else line for line in lines.split("\n"))


def read_plain_vocabulary(content: bytes) -> tuple[str, ...]:
    """Read a vocabulary file as other tools write it: one token per line, without escapes; a BOM is ignored.

    Raises:
        DataError: The content is not a vocabulary.
    """
    return tuple(line[:-1] if line.endswith("\r") else line for line in _lines(content).split("\n"))


def first_index(tokens: Sequence[str], names: Sequence[str]) -> int | None:
    """Index of the first of several special tokens that a vocabulary has; None if it has none of them."""
    return next((tokens.index(name) for name in names if name in tokens), None)


def _lines(content: bytes) -> str:
    """The lines of a vocabulary, without the end of the last one."""
    count = content.count(b"\n") + (not content.endswith(b"\n"))
    if not content or count > MOST_TOKENS:
        raise DataError(
            "This is not a vocabulary.",
            expected=f"1 to {MOST_TOKENS} lines with one token each",
            received=f"{count} lines" if content else "nothing",
        )
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError("The vocabulary is not text in UTF-8.", received=str(error)) from error
    return text[:-1] if text.endswith("\n") else text


def _unescaped(line: str) -> str:
    return re.sub(r"\\(.?)", _original, line)


def _original(escape: re.Match[str]) -> str:
    if escape[1] not in _ORIGINALS:
        raise DataError(
            "The vocabulary has an unknown escape.", expected="\\\\, \\n or \\r", received=escape.string[:40]
        )
    return _ORIGINALS[escape[1]]


class VocabularyTokenizer:
    """What the tokenizers share whose tokens are lines of a text file.

    Attributes:
        tokens: Vocabulary, in the order of the indices.
    """

    suffix = "txt"
    tokens: tuple[str, ...]

    @property
    def size(self) -> int:
        """Number of tokens."""
        return len(self.tokens)

    @property
    def padding(self) -> int:
        """Index of the token that fills up short texts; 0 if there is no such token."""
        return first_index(self.tokens, PADDING_TOKENS) or 0

    def content(self) -> bytes:
        """The vocabulary as a part of a file."""
        return write_vocabulary(self.tokens)
