"""Turns generated tokens into text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from edgekit_runtime.errors import InterpreterError

WORDS, CHARACTERS, WORDPIECE, SENTENCEPIECE = "words", "characters", "wordpiece", "sentencepiece"
#: How the entries of a vocabulary become a text.
JOINED = (WORDS, CHARACTERS, WORDPIECE, SENTENCEPIECE)
_CONTINUATION = "##"
#: U+2581 stands for the space before a word, in the vocabularies of SentencePiece.
_SPACE = "\u2581"


def detokenize(tokens: Iterable[int], entries: Sequence[str], pieces: str, omitted: Iterable[int] = ()) -> str:
    """Join the entries of a vocabulary.

    Args:
        tokens: Numbers of entries.
        entries: The vocabulary; an empty entry is padding and adds nothing.
        pieces: ``words`` are separated by spaces; ``characters`` are not; ``wordpiece`` continues a word with ``##``;
            ``sentencepiece`` marks the start of a word with U+2581.
        omitted: Numbers of tokens that are not part of the text, such as the start token.
    Raises:
        InterpreterError: The model generated a token for which the vocabulary has no entry.
    """
    left_out = set(omitted)
    parts = []
    for token in tokens:
        if token in left_out:
            continue
        if not 0 <= token < len(entries):
            raise InterpreterError(
                "The model generated a token that is not in its vocabulary.",
                expected=f"0 to {len(entries) - 1}",
                received=str(token),
                next_step="convert the model again with the vocabulary that it was trained with",
            )
        if entries[token]:
            parts.append(entries[token])
    if pieces == CHARACTERS:
        return "".join(parts)
    if pieces == SENTENCEPIECE:
        return "".join(parts).replace(_SPACE, " ").strip()
    if pieces == WORDPIECE:
        return " ".join(parts).replace(f" {_CONTINUATION}", "")
    return " ".join(parts)
