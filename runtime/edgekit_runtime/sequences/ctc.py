"""Decodes the frames of a model that was trained with connectionist temporal classification (CTC).

Such a model scores, for each frame of time, every token and a blank. A transcript is read from a path of one token per
frame by merging repeated tokens and then removing blanks: ``a a - a b`` is ``aab``.

Source: Graves et al. 2006, "Connectionist Temporal Classification".
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from edgekit_runtime.errors import InterpreterError, UsageError
from edgekit_runtime.sequences.search import MOST_BEAMS

#: Number of tokens per frame that may extend a prefix; further ones have a probability below 1/64.
MOST_EXTENSIONS = 64


class Transcript(NamedTuple):
    """One decoded sequence.

    Attributes:
        tokens: Tokens without blanks, repeated ones merged.
        log_probability: Natural logarithm of the probability of the sequence; in greedy decoding, of its best path.
    """

    tokens: tuple[int, ...]
    log_probability: float


def decode_greedily(log_probabilities: np.ndarray, blank: int) -> Transcript:
    """Decode the path of the most probable token in each frame.

    Args:
        log_probabilities: Natural logarithms of probabilities, (frames, tokens), blank included; may have no frames.
        blank: Number of the blank; negative numbers count from the end.
    Raises:
        InterpreterError: A value is NaN, or the blank does not exist.
    """
    blank = _checked(log_probabilities, blank)
    path = log_probabilities.argmax(axis=1)
    starts_run = np.ones(len(path), bool)
    starts_run[1:] = path[1:] != path[:-1]
    kept = path[starts_run & (path != blank)]
    return Transcript(tuple(kept.tolist()), float(log_probabilities.max(axis=1).sum()) if len(path) else 0.0)


def decode_prefixes(log_probabilities: np.ndarray, blank: int, beams: int) -> list[Transcript]:
    """Decode by prefix beam search, which adds up the paths that give the same sequence.

    All arithmetic is on logarithms, so that long sequences do not underflow. A frame can extend a prefix only by its 64
    most probable tokens.

    Args:
        log_probabilities: Natural logarithms of probabilities, (frames, tokens), blank included; may have no frames.
        blank: Number of the blank; negative numbers count from the end.
        beams: Number of prefixes kept after each frame, 1 to 64.
    Returns:
        Up to ``beams`` sequences, the most probable first; equally probable ones in the order of their tokens.
    Raises:
        InterpreterError: A value is NaN, or the blank does not exist.
        UsageError: ``beams`` is out of range.
    Source: Hannun et al. 2014, "First-Pass Large Vocabulary Continuous Speech Recognition using Bi-Directional
        Recurrent DNNs", algorithm 1, without a language model.
    """
    blank = _checked(log_probabilities, blank)
    if type(beams) is not int or not 1 <= beams <= MOST_BEAMS:
        raise UsageError("The option beams is out of range.", expected=f"1 to {MOST_BEAMS}", received=f"{beams!r:.40}")
    # For each prefix, the logarithms of the probability of all paths that end in the blank, and in the last token.
    prefixes: dict[tuple[int, ...], tuple[float, float]] = {(): (0.0, -math.inf)}
    for frame in log_probabilities:
        prefixes = _best(_extended(prefixes, frame, blank), beams)
    return [Transcript(tokens, _add(*parts)) for tokens, parts in prefixes.items()]


def _extended(
    prefixes: dict[tuple[int, ...], tuple[float, float]], frame: np.ndarray, blank: int
) -> dict[tuple[int, ...], tuple[float, float]]:
    """All prefixes after one more frame."""
    of_blank = float(frame[blank])
    tokens = [token for token in _most_probable(frame) if token != blank and frame[token] > -math.inf]
    extended: dict[tuple[int, ...], tuple[float, float]] = {}

    def add(prefix: tuple[int, ...], ends_blank: float, ends_token: float) -> None:
        before = extended.get(prefix, (-math.inf, -math.inf))
        extended[prefix] = (_add(before[0], ends_blank), _add(before[1], ends_token))

    for prefix, (ends_blank, ends_token) in prefixes.items():
        total = _add(ends_blank, ends_token)
        # The sequence stays as it is: a blank, or its last token once more.
        repeated = ends_token + float(frame[prefix[-1]]) if prefix else -math.inf
        add(prefix, total + of_blank, repeated)
        for token in tokens:
            # A token that follows itself counts again only after a blank.
            before = ends_blank if prefix and token == prefix[-1] else total
            add((*prefix, token), -math.inf, before + float(frame[token]))
    return extended


def _most_probable(frame: np.ndarray) -> list[int]:
    if len(frame) <= MOST_EXTENSIONS:
        return list(range(len(frame)))
    return [int(token) for token in np.argpartition(-frame, MOST_EXTENSIONS)[:MOST_EXTENSIONS]]


def _best(
    prefixes: dict[tuple[int, ...], tuple[float, float]], beams: int
) -> dict[tuple[int, ...], tuple[float, float]]:
    ranked = sorted(prefixes.items(), key=lambda item: (-_add(*item[1]), item[0]))
    possible = [(prefix, parts) for prefix, parts in ranked[:beams] if max(parts) > -math.inf]
    # If every path is impossible, the best guess is still one sequence.
    return dict(possible or ranked[:1])


def _add(first: float, second: float) -> float:
    """The logarithm of the sum of two numbers, given by their logarithms."""
    larger, smaller = (first, second) if first >= second else (second, first)
    if larger == -math.inf or smaller == -math.inf:
        return larger
    return larger + math.log1p(math.exp(smaller - larger))


def _checked(log_probabilities: np.ndarray, blank: int) -> int:
    """The number of the blank, counted from the start.

    Raises:
        InterpreterError: The frames are not a table of numbers, or the blank does not exist.
    """
    if log_probabilities.ndim != 2:
        raise InterpreterError(
            "CTC decodes one row of scores per frame.",
            expected="(frames, tokens)",
            received=str(log_probabilities.shape),
        )
    tokens = log_probabilities.shape[1]
    if not -tokens <= blank < tokens:
        raise InterpreterError(
            "The blank is not one of the tokens that the model scores.",
            expected=f"-{tokens} to {tokens - 1}",
            received=str(blank),
            next_step="convert the model again with the number of its blank",
        )
    if np.isnan(log_probabilities).any():
        raise InterpreterError(
            "The scores of a frame are NaN.",
            expected="numbers",
            next_step="check the model on its own examples: model.verify()",
        )
    return blank % tokens
