"""Shows the conversion of many models on stderr: a live table on a terminal, otherwise one short line per model."""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from edgekit.many_models.result import ModelRow, Status
from edgekit.progress import live_table
from edgekit_runtime.printable_text import one_line

_SHOWN_ROWS = 10


class ConversionProgress:
    """What is running and what has ended.

    Args:
        total: Number of models.
    """

    def __init__(self, total: int) -> None:
        self._total = total
        self._done = self._failed = 0
        self._started = time.monotonic()
        self._running: dict[str, float] = {}
        self._ended: deque[ModelRow] = deque(maxlen=_SHOWN_ROWS)
        self._is_drawn = sys.stderr.isatty()

    def start(self, name: str) -> None:
        """A conversion starts."""
        self._running[name] = time.monotonic()

    def end(self, row: ModelRow) -> None:
        """A conversion has ended."""
        self._running.pop(row.name, None)
        self._ended.append(row)
        self._done += 1
        self._failed += row.has_failed
        if not self._is_drawn:
            line = f"{self._done}/{self._total} {one_line(row.name)}: {describe(row)}"
            print(line, file=sys.stderr, flush=True)

    def read(self) -> tuple[str, list[tuple[str, str]]]:
        """The title and the rows of the live table."""
        elapsed = time.monotonic() - self._started
        left = f", about {elapsed * (self._total - self._done) / self._done:.0f} s left" if self._done else ""
        failed = f", {self._failed} failed" if self._failed else ""
        ended = [(row.name, describe(row)) for row in list(self._ended)]
        running = [
            (name, f"converting, {time.monotonic() - since:.0f} s") for name, since in list(self._running.items())
        ]
        return f"{self._done} of {self._total} models{failed}{left}", ended + running


def describe(row: ModelRow) -> str:
    """A few words on what became of a model."""
    if row.status is Status.FAILED:
        return f"failed: {one_line(row.reason.partition(chr(10))[0])}"
    size = f"{row.size_bytes / 1000:,.1f} kB"
    missed = ", budget missed" if row.meets_budget is False else ""
    return f"{size}, {row.seconds:.1f} s{missed}" if row.status is Status.CONVERTED else f"{size}, skipped{missed}"


@contextmanager
def conversion_progress(total: int) -> Iterator[ConversionProgress]:
    """Show the table while the block runs."""
    progress = ConversionProgress(total)
    with live_table(("model", "result"), progress.read):
        yield progress
