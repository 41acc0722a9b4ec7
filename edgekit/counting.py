"""Numbers in sentences: one word for one thing, another for several; changes of shares in points."""

from __future__ import annotations


def counted(count: int, noun: str, plural: str = "") -> str:
    """A number with its noun.

    Args:
        count: How many.
        noun: What is counted, for one of it.
        plural: The noun for several; empty adds an s.
    Returns:
        "1 held-back example", or "2,000 held-back examples".
    """
    return f"{count:,} {noun if count == 1 else plural or f'{noun}s'}"


def points(change: float) -> str:
    """A change of a share in percentage points, as "−40.83 points"; never a negative zero."""
    return f"{round(100 * change, 2) + 0.0:+.2f} points".replace("-", "−")


def points_between(low: float, high: float) -> str:
    """The ends of an interval of a change, as "−45.00 to +3.10"."""
    return " to ".join(points(end).removesuffix(" points") for end in (low, high))
