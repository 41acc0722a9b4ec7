"""Shows progress on stderr: bars or a live table on a terminal, otherwise a line every few seconds."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from edgekit_runtime.printable_text import one_line, printable_streams, unfiltered

Item = TypeVar("Item")

#: Seconds before the first line and between two lines, if stderr is not a terminal.
SECONDS_BETWEEN_LINES = 10.0

#: The active display, if there is one.
_displays: list[Any] = []

#: Jobs whose progress is reported in lines; the innermost job is the last one.
_jobs: list[_Job] = []


@dataclass(eq=False)
class Advance:
    """Counts the steps of a job: called with the number of steps that are done.

    Attributes:
        total: Number of steps; None if it is not known.
        done: Number of steps done.
        show: Called after each change.
    """

    total: int | None
    done: int = 0
    show: Callable[[Advance], object] = lambda advance: None

    def __call__(self, steps: int) -> None:
        self.done += steps
        # A total may be an estimate.
        if self.total is not None and self.done > self.total:
            self.total = self.done
        self.show(self)

    def expect(self, steps: int) -> None:
        """Add steps to the total, once their number is known or estimated."""
        self.total = (self.total or 0) + steps
        self.show(self)


@dataclass(eq=False)
class _Job:
    description: str
    advance: Advance
    started: float = field(default_factory=time.monotonic)

    def line(self) -> str:
        elapsed = time.monotonic() - self.started
        total, done = self.advance.total, self.advance.done
        if not total or not done:
            return f"{self.description}: {elapsed:.0f} s so far"
        left = elapsed * (total - done) / done
        return f"{self.description}: {done:,} of {total:,}, about {left:.0f} s left"


@contextmanager
def progress_bar(description: str, total: int | None) -> Iterator[Advance]:
    """Show a bar, or lines if stderr is not a terminal, while the block runs; yield ``advance(steps)``.

    Args:
        description: Short description of the work.
        total: Number of steps; None if it becomes known later (see ``Advance.expect``), or never: the bar then only
            shows that work goes on.
    """
    if not sys.stderr.isatty():
        with _lines(_Job(one_line(description), Advance(total))) as job:
            yield job.advance
        return
    with _display() as progress:
        task = progress.add_task(one_line(description), total=total)
        try:
            yield Advance(total, show=lambda at: progress.update(task, completed=at.done, total=at.total))
        finally:
            progress.remove_task(task)


@contextmanager
def _lines(job: _Job) -> Iterator[_Job]:
    """Report the innermost job periodically from one thread."""
    _jobs.append(job)
    over = threading.Event()
    reporter = threading.Thread(target=_report, args=(over,), daemon=True) if len(_jobs) == 1 else None
    if reporter:
        reporter.start()
    try:
        yield job
    finally:
        _jobs.remove(job)
        if reporter:
            over.set()
            reporter.join()


def _report(over: threading.Event) -> None:
    while not over.wait(SECONDS_BETWEEN_LINES):
        if _jobs:
            print(_jobs[-1].line(), file=sys.stderr, flush=True)


@contextmanager
def _display() -> Iterator[Any]:
    """The single display of bars; a nested bar is another line in it."""
    if _displays:
        yield _displays[-1]
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        Task,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class StepsColumn(MofNCompleteColumn):
        """``3/10``, or nothing if the number of steps is unknown."""

        def render(self, task: Task) -> Text:
            return Text("") if task.total is None else super().render(task)

    class EstimateColumn(TimeRemainingColumn):
        """The remaining time, or nothing if the number of steps is unknown."""

        def render(self, task: Task) -> Text:
            return Text("") if task.total is None else super().render(task)

    description = TextColumn("{task.description}", markup=False)
    columns = (description, BarColumn(), StepsColumn(), TimeElapsedColumn(), EstimateColumn())
    # rich replaces stdout and stderr by its own streams, which must be filtered too.
    with (
        Progress(*columns, console=Console(file=unfiltered(sys.stderr)), transient=True) as progress,
        printable_streams(),
    ):
        _displays.append(progress)
        try:
            yield progress
        finally:
            _displays.remove(progress)


@contextmanager
def live_table(columns: Sequence[str], read: Callable[[], tuple[str, Sequence[Sequence[str]]]]) -> Iterator[None]:
    """Redraw a table four times per second while the block runs; show nothing if stderr is not a terminal.

    Args:
        columns: Headings.
        read: Returns the title and the rows as they are now.
    """
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console
    from rich.live import Live
    from rich.table import Table
    from rich.text import Text

    def draw() -> Table:
        title, rows = read()
        table = Table(title=Text(one_line(title)), title_justify="left")
        for column in columns:
            table.add_column(column, overflow="ellipsis", no_wrap=True)
        for row in rows:
            table.add_row(*(Text(one_line(cell)) for cell in row))
        return table

    # rich replaces stdout and stderr by its own streams, which must be filtered too.
    with (
        Live(get_renderable=draw, console=Console(file=unfiltered(sys.stderr)), refresh_per_second=4, transient=True),
        printable_streams(),
    ):
        yield


def close_bars() -> None:
    """Remove the bars from the terminal before an error is printed.

    A bar inside a generator, such as ``tracked``, would otherwise stay until the generator is garbage-collected.
    """
    for display in _displays:
        display.stop()


def tracked(items: Iterable[Item], description: str, total: int | None) -> Iterator[Item]:
    """Yield ``items`` while a bar counts them."""
    with progress_bar(description, total) as advance:
        for item in items:
            yield item
            advance(1)
