"""Numbers of things in sentences: one word for one thing, another for several."""

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
