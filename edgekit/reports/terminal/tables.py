"""Prints results to stdout as JSON, or as tables that fit the terminal (80 columns if stdout is a file)."""

from __future__ import annotations

import json
import sys
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from edgekit_runtime.printable_text import one_line, unfiltered

if TYPE_CHECKING:
    from rich.text import Text

#: Space between two columns.
_GAP = "   "


#: Colours of verdicts in cells; the word itself is always shown too.
_VERDICTS = {
    **dict.fromkeys(("passed", "kept", "ok"), "green"),
    **dict.fromkeys(("warning", "unproven"), "yellow"),
    **dict.fromkeys(("failed", "missed"), "bold red"),
}


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print rows under a title, no wider than the terminal.

    If a table is too wide, the values of its widest columns are printed below their rows, one line per value.

    Args:
        title: Title, with units.
        columns: Headings; if empty, no headings are printed, for rows of a name and a value.
        rows: One text per column. Columns of numbers are right-aligned, and columns of words left-aligned.
    """
    from rich.console import Console
    from rich.text import Text

    cells = [tuple(map(one_line, row)) for row in rows]
    # rich writes escape sequences itself, so the stream is not filtered, and the texts are escaped here.
    console = Console(file=unfiltered(sys.stdout), highlight=False)
    lines = _columns(tuple(map(one_line, columns)), cells, console.width) if columns else _facts(cells, console.width)
    for line in (Text(one_line(title), style="bold"), Text(), *lines, Text()):
        console.print(line, soft_wrap=True)


def _columns(columns: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> Iterator[Text]:
    """Yield a heading, a rule and the rows; columns that do not fit follow their row, one line per value."""
    from rich.cells import cell_len
    from rich.text import Text

    widths = [max(map(cell_len, values)) for values in zip(columns, *rows, strict=True)]
    beside = list(range(len(columns)))
    while len(beside) > 1 and _table_width(widths[n] for n in beside) > width:
        beside.remove(max(beside[1:], key=widths.__getitem__))
    right = [_are_numbers(values) for values in zip(*rows, strict=True)] or [False] * len(columns)

    def side_by_side(cells: Sequence[str]) -> str:
        padded = (" " * (widths[n] - cell_len(cells[n])) for n in beside)
        aligned = (pad + cells[n] if right[n] else cells[n] + pad for n, pad in zip(beside, padded, strict=True))
        return f"  {_GAP.join(aligned)}".rstrip()

    # If a single column remains, it is the title of its row and needs no heading.
    if len(beside) > 1:
        yield Text(side_by_side(columns), style="bold")
        yield Text(" " + "─" * (_table_width(widths[n] for n in beside) - 1))
    for row in rows:
        line = Text(side_by_side(row), style="" if len(beside) > 1 else "bold")
        for cell in row:
            if cell in _VERDICTS:
                line.highlight_words([cell], style=_VERDICTS[cell])
        yield line
        for n, heading in enumerate(columns):
            if n not in beside and row[n]:
                yield from map(Text, _wrapped(f"    {heading and heading + ': '}{row[n]}", width, indent=6))


def _table_width(widths: Iterable[int]) -> int:
    return sum(each + len(_GAP) for each in widths)


def _facts(rows: Sequence[Sequence[str]], width: int) -> Iterator[Text]:
    """Yield names in one column and values in a second one, which is wrapped between words."""
    from rich.cells import cell_len
    from rich.text import Text

    name_width = max((cell_len(name) for name, _ in rows), default=0)
    for name, value in rows:
        start = f"  {name}{' ' * (name_width - cell_len(name))}{_GAP}"
        yield from map(Text, _wrapped(start + value, width, indent=cell_len(start)))


def _wrapped(text: str, width: int, indent: int) -> list[str]:
    # Long words are not broken, because a broken path cannot be copied.
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


def print_verdict(sentence: str, *, passed: bool) -> None:
    """Print a sentence that starts with a verdict, in the colour of the verdict on a terminal."""
    from rich.console import Console
    from rich.text import Text

    style = _VERDICTS["passed" if passed else "failed"]
    Console(file=unfiltered(sys.stdout), highlight=False).print(Text(one_line(sentence), style=style), soft_wrap=True)


def print_json(value: object) -> None:
    """Print plain values as JSON."""
    print(json.dumps(value, indent=1))


def metric_words(name: str) -> str:
    """The name of a metric as shown in a table."""
    # Imported here because most commands show no metric.
    from edgekit.parity.average_precision import BOX_METRICS

    if name in BOX_METRICS:
        return name.upper()
    return name.replace("_", " ").replace("iou", "IoU").replace("top1", "top-1")


def kilobytes(size_bytes: int) -> str:
    """A size in kB of 1,000 bytes."""
    return f"{size_bytes / 1000:,.1f} kB"


def milliseconds(value_ms: float) -> str:
    """A time in milliseconds with three decimals."""
    return f"{value_ms:.3f} ms"
