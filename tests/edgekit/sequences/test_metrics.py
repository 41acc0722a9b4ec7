"""Metrics of sequences, by hand and against jiwer and sacrebleu."""

from __future__ import annotations

import random

import pytest

from edgekit.sequences.metrics import bleu, edit_distance, exact_matches, token_accuracy, word_error_rate
from edgekit_runtime.errors import DataError

EXPECTED = ["drei und zwanzig", "vier", "null", "eins zwei drei"]
GENERATED = ["drei und zwanzig", "fünf", "", "eins drei drei vier"]


def _words(texts: list[str]) -> list[list[str]]:
    return [text.split() for text in texts]


def test_by_hand() -> None:
    assert exact_matches(_words(GENERATED), _words(EXPECTED)) == [True, False, False, False]
    # 3 + 0 + 0 + 2 right of 3 + 1 + 1 + 4 places.
    assert token_accuracy(_words(GENERATED), _words(EXPECTED)) == pytest.approx(5 / 9)
    # 0 + 1 + 1 + 2 errors in 8 words.
    assert word_error_rate(_words(GENERATED), _words(EXPECTED)) == pytest.approx(4 / 8)
    assert token_accuracy([()], [()]) == 1.0


@pytest.mark.parametrize(
    ("first", "second", "distance"), [("", "", 0), ("", "abc", 3), ("kitten", "sitting", 3), ("abc", "abc", 0)]
)
def test_edit_distance(first: str, second: str, distance: int) -> None:
    assert edit_distance(first, second) == edit_distance(second, first) == distance


def test_no_examples_and_no_words_are_refused() -> None:
    for metric in (token_accuracy, word_error_rate, bleu):
        with pytest.raises(DataError, match="no examples"):
            metric([], [])
    with pytest.raises(DataError, match="expected words"):
        word_error_rate([["a"]], [[]])


def _random_texts(seed: int) -> tuple[list[str], list[str]]:
    chosen = random.Random(seed)
    expected = [" ".join(chosen.choices("abcdef", k=chosen.randint(1, 9))) for _ in range(60)]
    generated = [
        " ".join(word for word in text.split() for _ in range(chosen.choice([0, 1, 1, 2]))) for text in expected
    ]
    return generated, expected


@pytest.mark.parametrize("seed", range(3))
def test_the_word_error_rate_is_jiwers(seed: int) -> None:
    jiwer = pytest.importorskip("jiwer", reason="jiwer is an oracle of the dev extra")
    generated, expected = _random_texts(seed)
    assert word_error_rate(_words(generated), _words(expected)) == pytest.approx(jiwer.wer(expected, generated))


def test_bleu_is_sacrebleus() -> None:
    sacrebleu = pytest.importorskip("sacrebleu", reason="sacrebleu is an oracle of the dev extra")
    generated, expected = _random_texts(7)
    assert bleu(generated, expected) == sacrebleu.corpus_bleu(generated, [expected]).score
    assert bleu(expected, expected) == pytest.approx(100.0)
    assert bleu(["eins"], ["eins"]) is None
