"""Dynamic sizes in an exported program, such as ``Mul(Integer(2), Symbol('s77', positive=True, integer=True))``.

PyTorch evaluates this text as Python, so only text that follows the grammar below may reach it: calls of the named
functions, integers and symbols. The degree of an expression is limited as well, since ``x*x`` repeated forty times is a
number that does not fit into any memory.
"""

from __future__ import annotations

import re

#: Longest expression in characters, and largest nesting depth of calls.
_MAX_CHARACTERS, _MAX_DEPTH = 4000, 24
#: Highest power of sizes that an expression or a chain of nodes may reach.
MAX_DEGREE = 32
_MAX_EXPONENT = 8

_SYMBOL = re.compile(r"Symbol\('([a-z]{1,8}[0-9]{1,9})'((?:, (?:positive|nonnegative|integer)=True){0,3})\)")
_INTEGER = re.compile(r"Integer\((-?[0-9]{1,19})\)")
_CALL = re.compile(r"([A-Za-z]{2,24})\(")
_PRODUCTS = frozenset({"Mul"})
_POWERS = frozenset({"Pow", "PowByNatural"})
_NUMBERS = {"Add", "FloorDiv", "CleanDiv", "CeilDiv", "Mod", "PythonMod", "Max", "Min", "IntTrueDiv", "FloatTrueDiv"}
_ROUNDINGS = {"CeilToInt", "FloorToInt", "TruncToInt", "ToFloat"}
_CONDITIONS = {"And", "Or", "Not", "Equality", "Unequality", "GreaterThan", "LessThan"}
_OTHERS = _NUMBERS | _ROUNDINGS | _CONDITIONS | {"StrictGreaterThan", "StrictLessThan"}


def degree_of(expression: str) -> int:
    """Return the highest power of sizes in an expression: 1 for a symbol, 2 for the product of two.

    Raises:
        ValueError: The expression does not follow the grammar, or is too long, too deep or of too high a degree.
    """
    if len(expression) > _MAX_CHARACTERS:
        raise ValueError(f"an expression of {len(expression)} characters")
    degree, end = _read(expression, 0, 0)
    if end != len(expression):
        raise ValueError(f"more than one expression in {expression[:80]!r}")
    return degree


def symbol_of(expression: str) -> str | None:
    """Return ``s77`` for an expression that consists only of this symbol, otherwise None."""
    match = _SYMBOL.fullmatch(expression)
    return match[1] if match else None


def _read(text: str, start: int, depth: int) -> tuple[int, int]:
    """The degree of the expression that starts at ``start``, and the position of its end."""
    if match := _SYMBOL.match(text, start) or _INTEGER.match(text, start):
        return 1, match.end()
    call = _CALL.match(text, start)
    if call is None or depth > _MAX_DEPTH:
        raise ValueError(f"{text[start : start + 80]!r} in a size")
    name, place = call[1], call.end()
    degrees: list[int] = []
    exponent = 1
    while True:
        if name in _POWERS and degrees:
            number = _INTEGER.match(text, place)
            if number is None or not -1 <= int(number[1]) <= _MAX_EXPONENT:
                raise ValueError(f"the power {text[start : start + 80]!r} in a size")
            exponent = max(1, int(number[1]))
        degree, place = _read(text, place, depth + 1)
        degrees.append(degree)
        if text.startswith(")", place):
            break
        if not text.startswith(", ", place):
            raise ValueError(f"{text[place : place + 80]!r} in a size")
        place += 2
    if name in _PRODUCTS:
        total = sum(degrees)
    elif name in _POWERS and len(degrees) == 2:
        total = degrees[0] * exponent
    elif name in _OTHERS:
        total = max(degrees)
    else:
        raise ValueError(f"the function {name} in a size")
    if total > MAX_DEGREE:
        raise ValueError(f"the size {text[:80]!r}, which grows without limit")
    return total, place + 1
