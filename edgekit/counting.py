"""Formats numbers and lists for people: with singular and plural nouns, as percentages, and in percentage points."""

from __future__ import annotations

from collections.abc import Iterable


def counted(count: int, noun: str, plural: str = "") -> str:
    """A number with its noun.

    Args:
        count: Number of things.
        noun: Singular noun.
        plural: Plural noun; if empty, an s is added to the singular.
    Returns:
        "1 held-back example", or "2,000 held-back examples".
    """
    return f"{count:,} {noun if count == 1 else plural or f'{noun}s'}"


def listed(names: Iterable[str], last: str) -> str:
    """Names in a sentence, such as "int8, int16x8 and int4".

    Args:
        names: One name or more.
        last: Word before the last name, "and" or "or".
    """
    *others, final = names
    return f"{', '.join(others)} {last} {final}" if others else final


def percent(fraction: float | None) -> str:
    """A fraction as a percentage with two decimals, never a negative zero, or a dash for None."""
    if fraction is None:
        return "–"
    # A positive value that would round to zero is shown as small, not as zero.
    return "under 0.01 %" if 0 < fraction < 0.00005 else f"{round(100 * fraction, 2) + 0.0:.2f} %"


def points(change: float) -> str:
    """A change of a fraction in percentage points, such as "−40.83 points"; never a negative zero."""
    return f"{round(100 * change, 2) + 0.0:+.2f} points".replace("-", "−")


def points_between(low: float, high: float) -> str:
    """The ends of an interval of a change, such as "−45.00 to +3.10"."""
    return " to ".join(points(end).removesuffix(" points") for end in (low, high))
