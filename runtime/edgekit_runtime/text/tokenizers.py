"""The tokenizers, one record each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

from edgekit_runtime.errors import DataError, EdgekitError, ModelFileError, UsageError
from edgekit_runtime.text.lookup import make_lookup, read_lookup
from edgekit_runtime.text.sentence_pieces import SentencePieceTokenizer, read_sentencepiece
from edgekit_runtime.text.strings import Text
from edgekit_runtime.text.vocabulary import read_plain_vocabulary
from edgekit_runtime.text.wordpiece import make_wordpiece, read_wordpiece


class Tokenizer(Protocol):
    """Converts a text to indices of tokens, and back.

    Attributes:
        name: One of ``TOKENIZERS``.
        suffix: End of the name of the part that has the vocabulary.
    """

    name: str
    suffix: str

    @property
    def size(self) -> int:
        """Number of tokens."""

    @property
    def padding(self) -> int:
        """Index of the token that fills up short texts; 0 if there is no such token."""

    def encode(self, text: Text) -> list[int]:
        """Indices of the tokens of a text, of any length; for an empty text there may be none."""

    def shortened(self, indices: list[int], length: int) -> list[int]:
        """The indices of a text that is longer than a model takes, cut to ``length``."""

    def decode(self, indices: Iterable[int]) -> str:
        """The text of some indices."""

    def to_dict(self) -> dict[str, Any]:
        """Options as plain values, with the name of the tokenizer under ``name``."""

    def content(self) -> bytes:
        """The vocabulary, as packed into a file as a part of its own."""


class TokenizerRecord(NamedTuple):
    """What is known about a tokenizer.

    Attributes:
        about: What its tokens are, for help texts.
        make: Makes it for the vocabulary file of a user; None if only a model can bring it.
        read: Reads it from packed options and its packed vocabulary.
    """

    about: str
    make: Callable[[bytes], Tokenizer] | None
    read: Callable[[dict[str, Any], bytes], Tokenizer]


#: Every tokenizer by name.
TOKENIZERS: Mapping[str, TokenizerRecord] = MappingProxyType(
    {
        "words": TokenizerRecord(
            "lower-case words without punctuation, as Keras's TextVectorization makes them",
            lambda content: make_lookup("words", read_plain_vocabulary(content)),
            read_lookup,
        ),
        "characters": TokenizerRecord(
            "single characters",
            lambda content: make_lookup("characters", read_plain_vocabulary(content)),
            read_lookup,
        ),
        "whole": TokenizerRecord("strings as they are, as Keras's StringLookup takes them", None, read_lookup),
        "wordpiece": TokenizerRecord(
            "pieces of words, as BERT takes them",
            lambda content: make_wordpiece(read_plain_vocabulary(content)),
            read_wordpiece,
        ),
        "sentencepiece": TokenizerRecord(
            "a model of SentencePiece, run by its own package", SentencePieceTokenizer, read_sentencepiece
        ),
    }
)


def make_tokenizer(name: str, content: bytes) -> Tokenizer:
    """Make a tokenizer for the vocabulary file of a user.

    Args:
        name: One of ``TOKENIZERS``.
        content: Content of the file: one token per line in the order of the indices, or a model of SentencePiece.
    Raises:
        UsageError: There is no such tokenizer for a file, or the vocabulary lacks a token that it needs.
        DataError: The content is not a vocabulary.
        InterpreterError: The package sentencepiece is needed but not installed.
    """
    record = TOKENIZERS.get(name)
    if record is None or record.make is None:
        raise UsageError(
            "There is no such tokenizer.",
            expected=", ".join(name for name, each in TOKENIZERS.items() if each.make),
            received=f"{name!r:.40}",
        )
    return record.make(content)


def read_tokenizer(options: Mapping[str, Any], content: bytes) -> Tokenizer:
    """Read a tokenizer that is packed into a file, without trusting it.

    Args:
        options: Result of :meth:`Tokenizer.to_dict`.
        content: Result of :meth:`Tokenizer.content`.
    Raises:
        ModelFileError: The options or the vocabulary are damaged, or of a newer version.
        InterpreterError: The package sentencepiece is needed but not installed.
    """
    name = options.get("name")
    record = TOKENIZERS.get(name) if isinstance(name, str) else None
    try:
        if record is None:
            raise UsageError(f"There is no tokenizer {name!r:.40}.")
        return record.read(dict(options), content)
    except (UsageError, DataError, TypeError) as error:
        raise ModelFileError(
            "The tokenizer packed into the model is damaged.",
            expected=f"one of {', '.join(TOKENIZERS)}, with its vocabulary",
            received=error.problem if isinstance(error, EdgekitError) else f"{error!s:.200}",
            next_step="convert the model again, or copy it to the device again",
        ) from error
