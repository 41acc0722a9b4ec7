"""Number words in English and German, and the vocabularies that both are made of."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from num2words import num2words

_SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
ENGLISH = [
    *_SPECIAL,
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
    *("thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty", "thirty", "forty"),
    *("fifty", "sixty", "seventy", "eighty", "ninety", "hundred", "thousand", "and", ",", "-"),
]
_GERMAN = [
    *("null", "ein", "eins", "zwei", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun", "zehn", "elf", "zwölf"),
    *("dreizehn", "vierzehn", "fünfzehn", "sechzehn", "siebzehn", "achtzehn", "neunzehn", "zwanzig", "dreißig"),
    *("vierzig", "fünfzig", "sechzig", "siebzig", "achtzig", "neunzig", "hundert", "tausend", "und"),
]
#: German number words are one word: WordPiece marks the pieces inside a word. The capital letter of "Million" makes the
#: vocabulary a cased one, which keeps umlauts.
GERMAN = [*_SPECIAL, "Million", *_GERMAN, *(f"##{piece}" for piece in _GERMAN)]


def pairs(numbers: Sequence[int]) -> list[tuple[str, str]]:
    """The English and the German words of each number."""
    return [(num2words(int(number), lang="en"), num2words(int(number), lang="de")) for number in numbers]


def write_pairs(path: Path, numbers: Sequence[int]) -> None:
    """Write one pair per line, with a heading."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerows([("english", "german"), *pairs(numbers)])


def split_numbers(limit: int, trained: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Numbers below ``limit`` in random order: those to train on, and the others."""
    order = np.random.default_rng(seed).permutation(limit)
    return order[:trained], order[trained:]
