"""Limits the size of an expression that is computed from code: a few instructions can produce one of any size."""

from __future__ import annotations

from typing import Any

#: Nodes of an expression; a shared part counts at each position. Published Lambdas have fewer than 50.
MAX_NODES = 2_000
#: Nesting of lists and calls, where a call with its list of arguments counts as two; later code is recursive.
MAX_DEPTH = 100
MAX_LIST_LENGTH = 64
#: The largest number up to which floats represent every integer.
MAX_WHOLE_NUMBER = 2**53
MAX_TEXT_LENGTH = 1_000


class BoundedExpressions:
    """Measures expressions as trees, visiting each part once however often it is shared."""

    def __init__(self) -> None:
        # By identity; the values are kept, so that no new value gets the identity of a deleted one.
        self._measured: dict[int, tuple[Any, int, int]] = {}

    def excess(self, value: Any) -> str:
        """Describe how a value exceeds the limits, such as ``"a list of 128 values"``; "" if it does not."""
        try:
            self._measure(value, 0)
        except _BeyondBoundsError as error:
            return str(error)
        return ""

    def _measure(self, value: Any, level: int) -> tuple[int, int]:
        """The number of nodes and levels of a value's tree; ``level`` is the depth at which it was found."""
        if not isinstance(value, (list, tuple, dict)):
            _check_plain(value)
            return 1, 0
        _, nodes, depth = self._measured.get(id(value), (value, 0, 0))
        if not nodes:
            _check(len(value) <= MAX_LIST_LENGTH, f"a list of {len(value)} values")
            _check(level <= MAX_DEPTH, f"more than {MAX_DEPTH} levels")
            parts = value.values() if isinstance(value, dict) else value
            measured = [self._measure(part, level + 1) for part in parts]
            nodes, depth = 1 + sum(n for n, _ in measured), 1 + max((d for _, d in measured), default=0)
            self._measured[id(value)] = (value, nodes, depth)
        _check(nodes <= MAX_NODES, f"an expression of more than {MAX_NODES} parts")
        _check(depth <= MAX_DEPTH, f"an expression of more than {MAX_DEPTH} levels")
        return nodes, depth


class _BeyondBoundsError(Exception):
    """A limit is exceeded."""


def _check(is_bounded: bool, excess: str) -> None:
    if not is_bounded:
        raise _BeyondBoundsError(excess)


def _check_plain(value: Any) -> None:
    if isinstance(value, int):
        _check(abs(value) <= MAX_WHOLE_NUMBER, "a number that is too large")
    elif isinstance(value, (str, bytes)):
        _check(len(value) <= MAX_TEXT_LENGTH, f"a string of {len(value)} characters")
