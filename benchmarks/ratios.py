"""What every benchmark here shares: two programs timed in turn, and the ratio of their medians."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Ratio:
    """A measured pair.

    Attributes:
        what: What was compared with what.
        ours_s: Median of ours, in seconds.
        peer_s: Median of the peer's, in seconds.
        target: The ratio that the project promises, at most; None where it promises nothing.
    """

    what: str
    ours_s: float
    peer_s: float
    target: float | None

    @property
    def ratio(self) -> float:
        """Ours over the peer's."""
        return self.ours_s / self.peer_s


def time_in_turn(
    what: str, ours: Callable[[], None], peer: Callable[[], None], *, target: float | None, runs: int
) -> Ratio:
    """Time both in turn, after one run of each that does not count: a machine's speed drifts for both alike."""
    ours()
    peer()
    ours_s, peer_s = [], []
    for _ in range(runs):
        ours_s.append(_seconds(ours))
        peer_s.append(_seconds(peer))
    return Ratio(what, statistics.median(ours_s), statistics.median(peer_s), target)


def command(*arguments: str) -> Callable[[], None]:
    """A whole process, from start to exit."""
    return lambda: subprocess.run(arguments, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) and None


def report(ratios: Sequence[Ratio]) -> None:
    """Print a table, or with ``--json`` as an argument the same as JSON."""
    if "--json" in sys.argv[1:]:
        print(json.dumps([row(r) for r in ratios], indent=1))
        return
    print("| what | ours | peer | ratio | at most |\n|---|---|---|---|---|")
    for r in ratios:
        print(f"| {r.what} | {r.ours_s:.3f} s | {r.peer_s:.3f} s | {r.ratio:.2f} | {_limit(r.target)} |")


def row(ratio: Ratio) -> dict[str, Any]:
    """A pair as ``--json`` prints it."""
    return {name: getattr(ratio, name) for name in ratio.__slots__} | {"ratio": ratio.ratio}


def _limit(target: float | None) -> str:
    return "" if target is None else f"{target:.2f}"


def _seconds(program: Callable[[], None]) -> float:
    start = time.perf_counter()
    program()
    return time.perf_counter() - start
