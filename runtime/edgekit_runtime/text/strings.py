"""Strings as UTF-8, as TensorFlow holds them."""

from __future__ import annotations

from typing import Any, Union

from edgekit_runtime.errors import TensorMismatchError

#: One text: a string, or its bytes in UTF-8. Bytes that are not UTF-8 are accepted, as by TensorFlow.
Text = Union[str, bytes]

_SHOWN = 40


def as_utf8(text: Any) -> bytes:
    """The bytes of a text in UTF-8.

    Raises:
        TensorMismatchError: This is not a text, or it has half of a surrogate pair, which UTF-8 cannot express.
    """
    if isinstance(text, bytes):
        return text
    if not isinstance(text, str):
        raise TensorMismatchError(
            "This is not a text.", expected="a string, or its bytes in UTF-8", received=f"{type(text).__name__}"
        )
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise TensorMismatchError(
            "The text cannot be written in UTF-8.",
            expected="characters of Unicode",
            received=f"half of a surrogate pair, {text[error.start]!r}, as character {error.start + 1}",
            next_step="decode the text with errors='replace' where it is read",
        ) from None


def as_characters(text: Any) -> str:
    """A text as a string; each invalid sequence of bytes becomes U+FFFD, as in TensorFlow.

    Raises:
        TensorMismatchError: This is not a text, or it has half of a surrogate pair.
    """
    return as_utf8(text).decode("utf-8", "replace")


def shown(text: bytes) -> str:
    """The beginning of a text, for a message."""
    characters = text[: 4 * _SHOWN].decode("utf-8", "replace")
    return repr(characters if len(characters) <= _SHOWN else f"{characters[:_SHOWN]}…")
