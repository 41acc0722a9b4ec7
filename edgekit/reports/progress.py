"""Progress bars on stderr: shown on a terminal, silent everywhere else."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

Item = TypeVar("Item")
Advance = Callable[[int], None]


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
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(description, total=total)
        yield lambda steps: progress.advance(task, steps)


def tracked(items: Iterable[Item], description: str, total: int | None) -> Iterator[Item]:
    """Yield ``items`` while a bar counts them."""
    with progress_bar(description, total) as advance:
        for item in items:
            yield item
            advance(1)
