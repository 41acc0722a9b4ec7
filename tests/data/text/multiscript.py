"""Texts in ten scripts with odd white space, punctuation, accents and marks: the same on every machine."""

from __future__ import annotations

from collections.abc import Iterator

#: First and last letters of a few blocks, by script; capital and small letters where the script has them.
SCRIPTS = {
    "latin": ((0x41, 0x5A), (0x61, 0x7A), (0xC0, 0x17F)),
    "greek": ((0x391, 0x3A1), (0x3A4, 0x3A9), (0x3AC, 0x3CE)),
    "cyrillic": ((0x400, 0x45F),),
    "armenian": ((0x531, 0x556), (0x561, 0x586)),
    "hebrew": ((0x5D0, 0x5EA), (0x5B0, 0x5B9)),
    "arabic": ((0x621, 0x63A), (0x641, 0x652)),
    "devanagari": ((0x905, 0x939), (0x93E, 0x94D)),
    "thai": ((0xE01, 0xE3A), (0xE40, 0xE4E)),
    "hangul": ((0xAC00, 0xD7A3),),
    "han": ((0x4E00, 0x9FA5), (0x3041, 0x3096), (0x30A1, 0x30FA)),
}
_SPACES = (*" " * 6, "  ", "\t", "\n", "\r\n", "\v", "\f", "\xa0", "\u2003", "\u3000", "\u2028", "\x85")
_MARKS = ("", "", "", "", "", "'s", *".,!?-()…—。،“$#_\\")
_ODD = (*"\x00\u200d\ufeff\ufffd\U0001f600ﬁİßÅ4", "", "e\u0301", "1.5", "[UNK]", "[SEP]")


class Numbers:
    """Numbers that look random; a generator of 64 bits, as Python's own may differ between versions."""

    def __init__(self, seed: int) -> None:
        self._state = seed

    def below(self, limit: int) -> int:
        """The next number, from 0 to ``limit`` - 1."""
        self._state = (self._state * 6364136223846793005 + 1442695040888963407) % 2**64
        return (self._state >> 33) % limit

    def one_of(self, choices: tuple[str, ...] | list[str]) -> str:
        """One of several strings."""
        return choices[self.below(len(choices))]


def lexicon(script: str, numbers: Numbers) -> list[str]:
    """Forty words of a script, of one to seven letters."""
    letters = [chr(code) for first, last in SCRIPTS[script] for code in range(first, last + 1)]
    return ["".join(numbers.one_of(letters) for _ in range(1 + numbers.below(7))) for _ in range(40)]


def texts(count: int) -> Iterator[str]:
    """Texts of up to twelve words, one script after the other; every tenth text mixes scripts."""
    numbers = Numbers(13)
    lexicons = [lexicon(script, numbers) for script in SCRIPTS]
    for number in range(count):
        words = lexicons[number % len(lexicons)] if number % 10 else [word for each in lexicons for word in each]
        yield "".join(
            numbers.one_of(words)
            + (numbers.one_of(_ODD) if numbers.below(12) == 0 else "")
            + numbers.one_of(_MARKS)
            + numbers.one_of(_SPACES)
            for _ in range(numbers.below(13))
        )


def vocabulary(kind: str) -> list[str]:
    """About half of the words or of the characters of the texts, most of them in lower case as Keras lowers them."""
    numbers = Numbers(13)
    words = [word for script in SCRIPTS for word in lexicon(script, numbers)]
    lowered = [word.encode().lower().decode() for word in words[::2]] + words[::5]
    if kind == "whole":
        return list(dict.fromkeys(text for text in texts(2000) if text.strip()))[::3]
    if kind == "characters":
        return list(dict.fromkeys("".join(lowered) + " ,.\n\\"))
    if kind == "ngrams":
        pairs = [f"{first} {second}" for first in lowered[:20] for second in lowered[:20]]
        return list(dict.fromkeys(lowered + pairs))
    return list(dict.fromkeys(lowered))
