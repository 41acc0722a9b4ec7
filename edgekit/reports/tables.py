"""Results on stdout: JSON, or tables that fit the terminal, 80 columns when written to a file."""

from __future__ import annotations

import json
import sys
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from edgekit_runtime.printable_text import one_line, unfiltered

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print rows under a title; rows too wide for the terminal are stacked, one line per value.

    Args:
        title: What the table shows, with its units.
        columns: Headings; an empty sequence prints no heading, for rows of a name and a value.
        rows: One text per column. Columns of numbers are aligned to the right, columns of words to the left.
    """
    from rich.console import Console
    from rich.text import Text

    cells = [tuple(map(one_line, row)) for row in rows]
    # rich writes escape sequences of its own; what it shows is escaped here.
    console = Console(file=unfiltered(sys.stdout), highlight=False)
    # Not the table's own title, which would be wrapped to the width of the columns.
    console.print(Text(one_line(title), style="bold"))
    table = _table(columns, cells)
    if console.measure(table, options=console.options.update(max_width=_NO_LIMIT)).maximum <= console.width:
        console.print(table)
        return
    lines = _stacked(columns, cells, console.width) if columns else _facts(cells, console.width)
    console.print(Text("\n").join([Text(), *lines]), soft_wrap=True)
    console.print()


#: More columns than any row has, to measure a table as if nothing had to be wrapped.
_NO_LIMIT = 100_000


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD if columns else box.SIMPLE, show_header=bool(columns))
    for number, values in enumerate(zip(*rows, strict=True)):
        heading = Text(one_line(columns[number]) if columns else "")
        table.add_column(heading, justify="right" if _are_numbers(values) else "left", no_wrap=True)
    for row in rows:
        # Text, not markup: a tensor may be named "[bold]".
        table.add_row(*map(Text, row))
    return table


def _stacked(columns: Sequence[str], rows: Iterable[Sequence[str]], width: int) -> Iterator[Text]:
    """Each row as its first cell, and below it one line per value with its heading."""
    from rich.text import Text

    for first, *others in rows:
        yield Text(f" {first}", style="bold")
        for heading, cell in zip(columns[1:], others, strict=True):
            if cell:
                label = f"{heading}: " if heading else ""
                yield from map(Text, _wrapped(f"   {label}{cell}", width, indent=5))


def _facts(rows: Iterable[Sequence[str]], width: int) -> Iterator[Text]:
    """Names in one column and values in a second one, which is wrapped between words."""
    from rich.text import Text

    rows = list(rows)
    name_width = max(len(name) for name, _ in rows)
    for name, value in rows:
        yield from map(Text, _wrapped(f"  {name:{name_width}}   {value}", width, indent=name_width + 5))


def _wrapped(text: str, width: int, indent: int) -> list[str]:
    # A path that is broken in two cannot be copied.
    return textwrap.wrap(
        text,
        width,
        subsequent_indent=" " * indent,
        break_long_words=False,
        break_on_hyphens=False,
        drop_whitespace=True,
    )


def _are_numbers(values: Iterable[str]) -> bool:
    return all(not value or value[0].isdigit() or value[0] in "+-−–" for value in values)


def print_json(value: object) -> None:
    """Print plain values as JSON."""
    print(json.dumps(value, indent=1))


def percent(fraction: float | None) -> str:
    """A fraction as a percentage with two decimals, never a negative zero, or a dash for None."""
    return "–" if fraction is None else f"{round(100 * fraction, 2) + 0.0:.2f} %"


def points(change: float) -> str:
    """A change of a share in percentage points, as "−40.83 points"; never a negative zero."""
    return f"{round(100 * change, 2) + 0.0:+.2f} points".replace("-", "−")


def metric_words(name: str) -> str:
    """A metric's name as a table shows it."""
    return name.replace("_", " ").replace("iou", "IoU")


def kilobytes(size_bytes: int) -> str:
    """A size in kB, 1,000 bytes each."""
    return f"{size_bytes / 1000:,.1f} kB"


def milliseconds(value_ms: float) -> str:
    """A time in milliseconds with three decimals."""
    return f"{value_ms:.3f} ms"
