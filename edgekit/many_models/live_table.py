"""Shows the conversion of many models on stderr: a live table on a terminal, otherwise one short line per model."""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from edgekit.many_models.result import ModelRow, Status
from edgekit_runtime.printable_text import one_line, unfiltered

_SHOWN_ROWS = 10


class LiveTable:
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

    def __rich__(self) -> Any:
        from rich.table import Table
        from rich.text import Text

        elapsed = time.monotonic() - self._started
        left = f", about {elapsed * (self._total - self._done) / self._done:.0f} s left" if self._done else ""
        failed = f", {self._failed} failed" if self._failed else ""
        table = Table(title=f"{self._done} of {self._total} models{failed}{left}", title_justify="left")
        table.add_column("model", overflow="ellipsis", no_wrap=True)
        table.add_column("result", overflow="ellipsis", no_wrap=True)
        for row in self._ended:
            table.add_row(Text(one_line(row.name)), Text(describe(row)))
        for name, started in self._running.items():
            table.add_row(Text(one_line(name)), Text(f"converting, {time.monotonic() - started:.0f} s"))
        return table


def describe(row: ModelRow) -> str:
    """A few words on what became of a model."""
    if row.status is Status.FAILED:
        return f"failed: {one_line(row.reason.partition(chr(10))[0])}"
    size = f"{row.size_bytes / 1000:,.1f} kB"
    missed = ", budget missed" if row.meets_budget is False else ""
    return f"{size}, {row.seconds:.1f} s{missed}" if row.status is Status.CONVERTED else f"{size}, skipped{missed}"


@contextmanager
def live_table(total: int) -> Iterator[LiveTable]:
    """Show the table while the block runs."""
    table = LiveTable(total)
    if not sys.stderr.isatty():
        yield table
        return
    from rich.console import Console
    from rich.live import Live

    with Live(table, console=Console(file=unfiltered(sys.stderr)), refresh_per_second=4, transient=True):
        yield table
