"""Tokens that are looked up in a vocabulary: words, characters and whole strings, as the layers of Keras do it.

Sources: ``TextVectorization`` and ``StringLookup`` of Keras, and the operators of TensorFlow that they call. Only the
letters A to Z are lowered (``tf.strings.lower`` without an encoding), only punctuation of ASCII is removed, and only
white space of ASCII splits (``tf.strings.split``). Python's ``bytes`` have exactly these rules.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from edgekit_runtime.errors import TensorMismatchError, UsageError
from edgekit_runtime.text.strings import Text, as_utf8, shown
from edgekit_runtime.text.vocabulary import UNKNOWN_TOKENS, VocabularyTokenizer, first_index, read_vocabulary

_PUNCTUATION = rb"""!"#$%&()*+,-./:;<=>?@[\]^_`{|}~'"""

#: How a text is changed before it is split, by the names that Keras gives to it.
STANDARDIZERS: Mapping[str, Callable[[bytes], bytes]] = MappingProxyType(
    {
        "lower_and_strip_punctuation": lambda text: text.lower().translate(None, _PUNCTUATION),
        "lower": bytes.lower,
        "strip_punctuation": lambda text: text.translate(None, _PUNCTUATION),
        "none": lambda text: text,
    }
)


def _characters(text: bytes) -> list[bytes]:
    return [character.encode() for character in text.decode("utf-8", "replace")]


#: Tokenizers of this module: how each splits a text, and what joins its tokens to a text again.
_SPLITS: Mapping[str, tuple[Callable[[bytes], list[bytes]], str]] = MappingProxyType(
    {"words": (bytes.split, " "), "characters": (_characters, ""), "whole": (lambda text: [text], " ")}
)
# A hostile file could ask for millions of combinations of words per text.
_LONGEST_NGRAM = 100


class LookupTokenizer(VocabularyTokenizer):
    """Standardizes a text, splits it, joins neighbours to n-grams, and looks each token up in a vocabulary.

    Attributes:
        name: ``words``, ``characters``, or ``whole`` for strings that are tokens as they are.
        tokens: Vocabulary, in the order of the indices; a token that occurs twice has the last index.
        unknown: Index of every token that is not in the vocabulary; None if such tokens are an error.
        standardize: One of ``STANDARDIZERS``.
        skipped: A string that is left out, for ``whole``; None if no string is.
        ngrams: Lengths of the sequences of tokens that are looked up, joined with a space, in the order of the result;
            empty for single tokens.
    """

    def __init__(
        self,
        tokens: Sequence[str],
        *,
        name: str = "words",
        standardize: str = "lower_and_strip_punctuation",
        ngrams: Sequence[int] = (),
        unknown: int | None = None,
        skipped: str | None = None,
    ) -> None:
        if name not in _SPLITS or standardize not in STANDARDIZERS:
            raise UsageError(
                "There is no such way to split or to standardize a text.",
                expected=f"{', '.join(_SPLITS)}; {', '.join(STANDARDIZERS)}",
                received=f"{name!r:.40}; {standardize!r:.40}",
            )
        if not all(type(length) is int and 1 <= length <= _LONGEST_NGRAM for length in ngrams) or len(ngrams) > 10:
            raise UsageError(
                "These are not the lengths of n-grams.",
                expected=f"up to 10 numbers from 1 to {_LONGEST_NGRAM}",
                received=f"{ngrams!r:.40}",
            )
        if unknown is not None and (type(unknown) is not int or not 0 <= unknown < len(tokens)):
            raise UsageError(
                "The index of unknown tokens is not in the vocabulary.",
                expected=f"0 to {len(tokens) - 1}",
                received=f"{unknown!r:.40}",
            )
        if skipped is not None and (type(skipped) is not str or name != "whole"):
            raise UsageError("Only the tokenizer whole leaves out a string.", received=f"{skipped!r:.40}")
        self.skipped = skipped
        self.name, self.tokens, self.unknown = name, tuple(tokens), unknown
        self.standardize, self.ngrams = standardize, tuple(ngrams)
        self._standardized = STANDARDIZERS[standardize]
        self._split, self._separator = _SPLITS[name]
        self._indices = {token.encode(): index for index, token in enumerate(self.tokens)}

    def encode(self, text: Text) -> list[int]:
        """Indices of the tokens of a text.

        Raises:
            TensorMismatchError: This is not a text, or a token is not in a vocabulary without an unknown token.
        """
        tokens = self._split(self._standardized(as_utf8(text)))
        if self.skipped is not None and tokens == [self.skipped.encode()]:
            return []
        if self.ngrams:
            tokens = [
                b" ".join(tokens[start : start + length])
                for length in self.ngrams
                for start in range(len(tokens) - length + 1)
            ]
        indices, unknown = self._indices, self.unknown
        if unknown is not None:
            return [indices.get(token, unknown) for token in tokens]
        try:
            return [indices[token] for token in tokens]
        except KeyError as error:
            raise TensorMismatchError(
                "The text has a token that is not in the model's vocabulary, which has no unknown token.",
                expected=f"the {len(self.tokens)} tokens of the vocabulary",
                received=shown(error.args[0]),
            ) from None

    def shortened(self, indices: list[int], length: int) -> list[int]:
        """The first of the indices, as Keras cuts a longer text."""
        return indices[:length]

    def decode(self, indices: Iterable[int]) -> str:
        """The tokens of some indices, joined with a space, or without one if they are characters.

        Raises:
            TensorMismatchError: An index is not in the vocabulary.
        """
        return self._separator.join(token_at(self.tokens, index) for index in indices)

    def to_dict(self) -> dict[str, Any]:
        """Options, as stored in the manifest; the vocabulary is the part :meth:`content`."""
        return {
            "name": self.name,
            "standardize": self.standardize,
            "ngrams": list(self.ngrams),
            "unknown": self.unknown,
            "skipped": self.skipped,
        }


def token_at(tokens: Sequence[str], index: Any) -> str:
    """One token of a vocabulary.

    Raises:
        TensorMismatchError: The index is not in the vocabulary.
    """
    if not 0 <= index < len(tokens):
        raise TensorMismatchError(
            "This is not the index of a token.", expected=f"0 to {len(tokens) - 1}", received=f"{index!r:.40}"
        )
    return tokens[index]


def read_lookup(options: dict[str, Any], content: bytes) -> LookupTokenizer:
    """Read a tokenizer from the options and the vocabulary that are packed into a file."""
    return LookupTokenizer(read_vocabulary(content), **options)


def make_lookup(name: str, tokens: Sequence[str]) -> LookupTokenizer:
    """A tokenizer for the vocabulary of a user, with Keras's standardization for words and none for characters."""
    standardize = "lower_and_strip_punctuation" if name == "words" else "none"
    return LookupTokenizer(tokens, name=name, standardize=standardize, unknown=first_index(tokens, UNKNOWN_TOKENS))
