"""WordPiece, the tokenizer of BERT: basic tokenization, then the longest pieces of each word that the vocabulary has.

Source: Devlin et al., "BERT" (2019) and its published vocabularies; checked against the tokenizers of Hugging Face.
Special tokens such as ``[SEP]`` in a text are text. Categories of characters are those of Python's Unicode database:
characters that are newer than the Python version count as unassigned.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any

from edgekit_runtime.errors import UsageError
from edgekit_runtime.text.lookup import token_at
from edgekit_runtime.text.strings import Text, as_characters
from edgekit_runtime.text.vocabulary import UNKNOWN_TOKENS, VocabularyTokenizer, first_index, read_vocabulary

#: Names of the tokens at the start and at the end of each text.
START_TOKEN, END_TOKEN = "[CLS]", "[SEP]"
_CONTINUATION = "##"
#: A longer word is unknown as a whole; without a limit, a long word would take time that grows with its square.
_LONGEST_WORD = 100
_LONGEST_LIMIT = 1000
# Blocks of Chinese characters, each of which is a word; Hangul, Hiragana and Katakana are written with spaces or not.
_CHINESE = (
    (0x4E00, 0x9FFF),
    (0x3400, 0x4DBF),
    (0x20000, 0x2A6DF),
    (0x2A700, 0x2B73F),
    (0x2B740, 0x2B81F),
    (0x2B820, 0x2CEAF),
    (0xF900, 0xFAFF),
    (0x2F800, 0x2FA1F),
)


class WordPieceTokenizer(VocabularyTokenizer):
    """Splits a text into words and marks, and each word into pieces of a vocabulary.

    Attributes:
        tokens: Vocabulary, in the order of the indices; a piece inside a word begins with ``##``.
        unknown: Index of every word that cannot be made of pieces.
        lowercase: Whether letters are lowered and accents removed, as for an uncased vocabulary.
        special: Whether ``[CLS]`` and ``[SEP]`` are put around each text.
        longest_word: Number of characters above which a word is unknown.
    """

    name = "wordpiece"

    def __init__(
        self,
        tokens: Sequence[str],
        *,
        unknown: int,
        lowercase: bool = True,
        special: bool = True,
        longest_word: int = _LONGEST_WORD,
    ) -> None:
        if type(unknown) is not int or not 0 <= unknown < len(tokens):
            raise UsageError(
                "The index of unknown words is not in the vocabulary.",
                expected=f"0 to {len(tokens) - 1}",
                received=f"{unknown!r:.40}",
            )
        if type(longest_word) is not int or not 1 <= longest_word <= _LONGEST_LIMIT:
            raise UsageError(
                "A word cannot have this limit of its length.",
                expected=f"1 to {_LONGEST_LIMIT} characters",
                received=f"{longest_word!r:.40}",
            )
        self.tokens, self.unknown = tuple(tokens), unknown
        self.lowercase, self.special, self.longest_word = bool(lowercase), bool(special), longest_word
        self._indices = {token: index for index, token in enumerate(self.tokens)}
        missing = [token for token in (START_TOKEN, END_TOKEN) if token not in self._indices]
        if self.special and missing:
            raise UsageError("The vocabulary does not have the tokens around a text.", expected=" and ".join(missing))
        self._longest_piece = max(map(len, self.tokens), default=1)

    def encode(self, text: Text) -> list[int]:
        """Indices of the pieces of a text.

        Raises:
            TensorMismatchError: This is not a text.
        """
        pieces = [index for word in self._words(as_characters(text)) for index in self._pieces(word)]
        return [self._indices[START_TOKEN], *pieces, self._indices[END_TOKEN]] if self.special else pieces

    def shortened(self, indices: list[int], length: int) -> list[int]:
        """The first of the indices; the token at the end stays there."""
        return [*indices[: length - 1], indices[-1]] if self.special else indices[:length]

    def decode(self, indices: Iterable[int]) -> str:
        """The pieces of some indices as words, without the tokens around a text and without padding.

        Raises:
            TensorMismatchError: An index is not in the vocabulary.
        """
        skipped = {START_TOKEN, END_TOKEN, "[PAD]"}
        words: list[str] = []
        for index in indices:
            token = token_at(self.tokens, index)
            if token.startswith(_CONTINUATION) and words:
                words[-1] += token[len(_CONTINUATION) :]
            elif token not in skipped:
                words.append(token)
        return " ".join(words)

    def _words(self, text: str) -> Iterator[str]:
        """Words and marks of a text: BERT's basic tokenization."""
        cleaned = "".join(map(_cleaned, text))
        if self.lowercase:
            # Accents are separate characters in the decomposed form, of the category "nonspacing mark".
            decomposed = unicodedata.normalize("NFD", cleaned)
            cleaned = "".join(each for each in decomposed if unicodedata.category(each) != "Mn").lower()
        for word in cleaned.split():
            yield from _without_marks(word)

    def _pieces(self, word: str) -> list[int]:
        """Indices of the longest pieces that make up a word, from left to right."""
        if len(word) > self.longest_word:
            return [self.unknown]
        pieces = []
        start = 0
        while start < len(word):
            prefix = _CONTINUATION if start else ""
            for end in range(min(len(word), start + self._longest_piece), start, -1):
                index = self._indices.get(prefix + word[start:end])
                if index is not None:
                    break
            else:
                return [self.unknown]
            pieces.append(index)
            start = end
        return pieces

    def to_dict(self) -> dict[str, Any]:
        """Options, as stored in the manifest; the vocabulary is the part :meth:`content`."""
        return {
            "name": self.name,
            "unknown": self.unknown,
            "lowercase": self.lowercase,
            "special": self.special,
            "longest_word": self.longest_word,
        }


@lru_cache(maxsize=5000)
def _cleaned(character: str) -> str:
    """A character for the basic tokenization: control characters are removed, Chinese ones become words."""
    if character in " \t\n\r":
        return " "
    code = ord(character)
    if code in (0, 0xFFFD):
        return ""
    if code < 0x7F:
        return character if code >= 0x20 else ""
    if any(first <= code <= last for first, last in _CHINESE):
        return f" {character} "
    category = unicodedata.category(character)
    if category[0] == "C":
        return ""
    return " " if category == "Zs" else character


def _without_marks(word: str) -> Iterator[str]:
    """Split a word at its punctuation marks, each of which becomes a word."""
    start = 0
    for position, character in enumerate(word):
        if _is_mark(character):
            if start < position:
                yield word[start:position]
            yield character
            start = position + 1
    if start < len(word):
        yield word[start:]


@lru_cache(maxsize=5000)
def _is_mark(character: str) -> bool:
    code = ord(character)
    # All of ASCII that is neither a letter nor a digit counts as punctuation, also signs such as $ and ^.
    if code < 0x80:
        return not character.isalnum()
    return unicodedata.category(character)[0] == "P"


def read_wordpiece(options: dict[str, Any], content: bytes) -> WordPieceTokenizer:
    """Read a tokenizer from the options and the vocabulary that are packed into a file."""
    options.pop("name")
    return WordPieceTokenizer(read_vocabulary(content), **options)


def make_wordpiece(tokens: Sequence[str]) -> WordPieceTokenizer:
    """A tokenizer for the vocabulary of a user.

    The vocabulary is uncased if no piece has a capital letter; ``[CLS]`` and ``[SEP]`` are used if it has both.

    Raises:
        UsageError: The vocabulary has no unknown token.
    """
    unknown = first_index(tokens, UNKNOWN_TOKENS)
    if unknown is None:
        raise UsageError(
            "The vocabulary has no token for unknown words.", expected=f"one of {', '.join(UNKNOWN_TOKENS)}"
        )
    is_cased = any(token.lower() != token for token in tokens if not (token[:1] in "[<" and token[-1:] in "]>"))
    special = START_TOKEN in tokens and END_TOKEN in tokens
    return WordPieceTokenizer(tokens, unknown=unknown, lowercase=not is_cased, special=special)
