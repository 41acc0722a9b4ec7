"""Results on stdout: tables, in colour on a terminal and never cut when written to a file, or JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence

from edgekit_runtime.printable_text import one_line, unfiltered

#: Wide enough that no row is wrapped where nobody looks at a window.
_WIDTH_WITHOUT_TERMINAL = 240


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print rows under a title.

    Args:
        title: What the table shows, with its units.
        columns: Headings; none at all prints no heading.
        rows: One text a column. Columns of numbers are aligned to the right, columns of words to the left.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    cells = [tuple(row) for row in rows]
    table = Table(box=box.SIMPLE_HEAD if columns else box.SIMPLE, show_header=bool(columns))
    for number, values in enumerate(zip(*cells, strict=True)):
        heading = Text(one_line(columns[number]) if columns else "")
        table.add_column(heading, justify="right" if _are_numbers(values) else "left", no_wrap=number == 0)
    for row in cells:
        # Text, not markup: a tensor may be named "[bold]".
        table.add_row(*(Text(one_line(cell)) for cell in row))
    width = None if sys.stdout.isatty() else _WIDTH_WITHOUT_TERMINAL
    # rich writes escape sequences of its own; what it shows is escaped here.
    console = Console(file=unfiltered(sys.stdout), width=width, highlight=False)
    # Not the table's own title, which would be wrapped to the width of the columns.
    console.print(Text(one_line(title), style="bold"))
    console.print(table)


def _are_numbers(values: Iterable[str]) -> bool:
    return all(not value or value[0].isdigit() or value[0] in "-–" for value in values)


def print_json(value: object) -> None:
    """Print plain values as JSON."""
    print(json.dumps(value, indent=1))


def percent(fraction: float | None) -> str:
    """A fraction as a percentage with two decimals, never a negative zero, or a dash for None."""
    return "–" if fraction is None else f"{round(100 * fraction, 2) + 0.0:.2f} %"


def metric_words(name: str) -> str:
    """A metric's name as a table shows it."""
    return name.replace("_", " ").replace("iou", "IoU")


def kilobytes(size_bytes: int) -> str:
    """A size in kB, 1,000 bytes each."""
    return f"{size_bytes / 1000:,.1f} kB"


def milliseconds(value_ms: float) -> str:
    """A time in milliseconds with three decimals."""
    return f"{value_ms:.3f} ms"
