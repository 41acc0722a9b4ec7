"""Metrics of generated sequences: exact match, token accuracy, word error rate, BLEU."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from edgekit_runtime.errors import DataError

Tokens = Sequence[Hashable]
_LONGEST_NGRAM = 4


def exact_matches(generated: Sequence[Tokens], expected: Sequence[Tokens]) -> list[bool]:
    """Whether each generated sequence is equal to the expected one."""
    return [list(own) == list(other) for own, other in zip(generated, expected, strict=True)]


def token_accuracy(generated: Sequence[Tokens], expected: Sequence[Tokens]) -> float:
    """The share of tokens that are equal to the expected token in the same place.

    Tokens that are missing and tokens that are too many count as wrong: each example counts as many places as the
    longer of its two sequences has. Two empty sequences are equal.

    Raises:
        DataError: There are no examples.
    """
    _require_examples(expected)
    right = places = 0
    for own, other in zip(generated, expected, strict=True):
        right += sum(first == second for first, second in zip(own, other, strict=False))
        places += max(len(own), len(other))
    return right / places if places else 1.0


def word_error_rate(generated: Sequence[Tokens], expected: Sequence[Tokens]) -> float:
    """The number of words that must be replaced, inserted or removed, divided by the number of expected words.

    Raises:
        DataError: There are no examples, or no expected words.
    """
    _require_examples(expected)
    words = sum(len(each) for each in expected)
    if not words:
        raise DataError("The word error rate needs expected words.", received="empty texts only")
    return sum(edit_distance(own, other) for own, other in zip(generated, expected, strict=True)) / words


def edit_distance(first: Tokens, second: Tokens) -> int:
    """The smallest number of replacements, insertions and removals that turn one sequence into the other.

    Source: Wagner and Fischer 1974, "The String-to-String Correction Problem".
    """
    distances = list(range(len(second) + 1))
    for row, own in enumerate(first, 1):
        diagonal, distances[0] = distances[0], row
        for column, other in enumerate(second, 1):
            replaced = diagonal + (own != other)
            diagonal = distances[column]
            distances[column] = min(replaced, diagonal + 1, distances[column - 1] + 1)
    return distances[-1]


def bleu(generated: Sequence[str], expected: Sequence[str]) -> float | None:
    """Corpus BLEU from 0 to 100 as sacrebleu computes it.

    Returns:
        None if that package is not installed, or if no expected text has the four words that BLEU compares.

    Raises:
        DataError: There are no examples.
    """
    _require_examples(expected)
    if all(len(text.split()) < _LONGEST_NGRAM for text in expected):
        return None
    try:
        import sacrebleu
    except ImportError:
        return None
    return float(sacrebleu.corpus_bleu(list(generated), [list(expected)]).score)


def _require_examples(expected: Sequence[object]) -> None:
    if not expected:
        raise DataError("There are no examples to compare.")
