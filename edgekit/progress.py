"""Progress bars on stderr: shown on a terminal, silent everywhere else."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from edgekit_runtime.printable_text import one_line, printable_streams, unfiltered

Item = TypeVar("Item")
Advance = Callable[[int], None]

#: The display that is up, if one is.
_displays: list[Any] = []


@contextmanager
def progress_bar(description: str, total: int | None) -> Iterator[Advance]:
    """Show a bar while the block runs, and yield ``advance(steps)``.

    Args:
        description: What is being done, a few words.
        total: Number of steps, or None for a bar that only shows that work goes on.
    """
    if not sys.stderr.isatty():
        yield lambda steps: None
        return
    with _display() as progress:
        task = progress.add_task(one_line(description), total=total)
        try:
            yield lambda steps: progress.advance(task, steps)
        finally:
            progress.remove_task(task)


@contextmanager
def _display() -> Iterator[Any]:
    """The one display of bars: a bar within a bar is a line more in it."""
    if _displays:
        yield _displays[-1]
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, Task, TextColumn, TimeElapsedColumn
    from rich.text import Text

    class StepsColumn(MofNCompleteColumn):
        """``3/10``, and nothing where the end is not known."""

        def render(self, task: Task) -> Text:
            return Text("") if task.total is None else super().render(task)

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), StepsColumn(), TimeElapsedColumn())
    # rich puts streams of its own in the place of stdout and stderr: they are filtered as the others are.
    with (
        Progress(*columns, console=Console(file=unfiltered(sys.stderr)), transient=True) as progress,
        printable_streams(),
    ):
        _displays.append(progress)
        try:
            yield progress
        finally:
            _displays.pop()


def tracked(items: Iterable[Item], description: str, total: int | None) -> Iterator[Item]:
    """Yield ``items`` while a bar counts them."""
    with progress_bar(description, total) as advance:
        for item in items:
            yield item
            advance(1)
