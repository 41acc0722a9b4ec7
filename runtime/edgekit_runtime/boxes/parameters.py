"""Parameters of a head layout: their names, defaults and checks, for manifests and command lines."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple, Union

#: The value of a parameter, as JSON has it.
Value = Union[str, int, tuple[float, ...]]
#: Converts a JSON value or a text to a value; raises ValueError with what was expected.
Check = Callable[[Any], Value]

_LARGEST_NUMBER = 1e6
_MOST_NUMBERS = 1000


class Parameter(NamedTuple):
    """A parameter of a head layout.

    Attributes:
        name: Its name in the manifest and on the command line.
        meaning: What it means, for help texts.
        check: Converts a JSON value or a text of the command line to a value.
        default: Value if it is not given; ``None`` if it must be given.
    """

    name: str
    meaning: str
    check: Check
    default: Value | None = None


def one_of(*choices: str) -> Check:
    """A check for one of some words."""

    def check(value: Any) -> Value:
        if value not in choices:
            raise ValueError(" or ".join(choices))
        return str(value)

    return check


def whole_number(smallest: int, largest: int) -> Check:
    """A check for a whole number in a range."""

    def check(value: Any) -> Value:
        if isinstance(value, str) and value.isascii() and value.isdigit():
            value = int(value[:10])
        if type(value) is not int or not smallest <= value <= largest:
            raise ValueError(f"a whole number from {smallest} to {largest}")
        return value

    return check


def positive_numbers(multiple_of: int, most: int = _MOST_NUMBERS) -> Check:
    """A check for a list of positive numbers, whose length is a multiple of ``multiple_of`` and at most ``most``."""

    def check(value: Any) -> Value:
        try:
            given = value.replace(";", ",").split(",") if isinstance(value, str) else value
            if not isinstance(given, (list, tuple)) or any(isinstance(each, bool) for each in given):
                raise TypeError
            numbers = tuple(float(each) for each in given)
        except (ValueError, TypeError, OverflowError):
            numbers = ()
        fits = 0 < len(numbers) <= most and len(numbers) % multiple_of == 0
        if not fits or not all(math.isfinite(each) and 0 < each <= _LARGEST_NUMBER for each in numbers):
            count = f"{most}" if multiple_of == most else f"a multiple of {multiple_of}, at most {most},"
            raise ValueError(f"{count} positive numbers, separated by commas")
        return numbers

    return check
