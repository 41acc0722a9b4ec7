"""Reads CSV tables: one line per example, one column per value of the input, and one column for the label."""

from __future__ import annotations

import csv
import math
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import numpy as np

from edgekit.datasets.dataset import LARGEST_BYTES, MOST_EXAMPLES
from edgekit.datasets.ground_truth import as_ground_truth
from edgekit.datasets.source import Source, row_hashes
from edgekit_runtime.errors import DataError
from edgekit_runtime.task import UNNAMED

if TYPE_CHECKING:
    from edgekit_converters.lowering import ModelInput

#: Heading of the label column if the user does not pass one.
LABEL_HEADING = "label"
_DELIMITERS = ",;\t"
_LONGEST_LINE = 10_000_000
_MOST_BLANK_LINES = 1_000_000


def table_source(
    path: Path, model_input: ModelInput, *, label_column: str | None = None, slice_by: str | None = None
) -> Source:
    """Read a table of numbers; the values of a line fill the model's input in its order.

    The first line is a heading if it contains no number or names the label column. The labels are in the column
    ``label_column`` (a heading, or a number from 1, negative from the end). If it is None, they are in the column
    ``label``, or in the last column if a line has one value more than the model takes.

    Args:
        path: File to read, separated by commas, semicolons or tabs.
        model_input: Input that the values of a line fill, in its order.
        label_column: Label column, or None.
        slice_by: Column with the slice of each example, or None.
    Raises:
        DataError: A cell is not a number (the message names its line), lines have different lengths, or the number of
            columns is not compatible with the model.
    """
    heading, width = _heading_and_width(path, label_column)
    label = _label_place(path, heading, width, label_column, model_input)
    group = None if slice_by is None else place_of_column(path, heading, width, slice_by, "--slice-by")
    used = [place for place in range(width) if place not in (label, group)]
    values, labels, groups = _read(path, _Columns(bool(heading), width, used, label, group))
    sizes = _sizes(path, model_input, len(used))
    x = np.frombuffer(values, np.float32).reshape(-1, *sizes)
    if not len(x):
        raise DataError(
            f"{path} has no lines of numbers.", expected="one example per line", received="the heading alone"
        )
    ground_truth, names = ({}, ()) if label is None else _ground_truth(path, labels)
    return Source(
        name=str(path),
        count=len(x),
        read=lambda rows: {UNNAMED: x[rows]},
        hashes=lambda: row_hashes(x),
        ground_truth=ground_truth,
        labels=names,
        groups=None if group is None else np.array(groups),
    )


def _heading_and_width(path: Path, label_column: str | None) -> tuple[list[str], int]:
    """The heading, empty if there is none, and the number of columns."""
    first = next(cells_by_line(path), None)
    if first is None:
        raise DataError(f"{path} is empty.", expected="one example per line")
    cells = [cell.strip() for cell in first[1]]
    named = {LABEL_HEADING, label_column} & {cell for cell in cells if not is_number(cell)}
    has_heading = bool(named) or not any(is_number(cell) for cell in cells)
    return (cells if has_heading else []), len(cells)


def _label_place(
    path: Path, heading: Sequence[str], width: int, label_column: str | None, model_input: ModelInput
) -> int | None:
    if label_column is not None:
        return place_of_column(path, heading, width, label_column, "--label-column")
    if LABEL_HEADING in heading:
        return heading.index(LABEL_HEADING)
    return width - 1 if width == math.prod(model_input.shape[1:]) + 1 else None


def place_of_column(path: Path, heading: Sequence[str], width: int, column: str, option: str) -> int:
    if column in heading:
        return heading.index(column)
    try:
        number = int(column)
    except ValueError:
        number = 0
    if not 1 <= abs(number) <= width:
        raise DataError(
            f"{path} has no column {column}.",
            expected=f"{option} with " + (f"one of {', '.join(heading)}" if heading else f"a number from 1 to {width}"),
            received=column,
        )
    return number - 1 if number > 0 else width + number


@dataclass(frozen=True, slots=True)
class _Columns:
    """The roles of the columns, by their indices from 0."""

    has_heading: bool
    width: int
    used: Sequence[int]
    label: int | None
    group: int | None


def _read(path: Path, columns: _Columns) -> tuple[array[float], list[str], list[str]]:
    values, labels, groups = array("f"), [], []
    lines = cells_by_line(path)
    if columns.has_heading:
        next(lines)
    for line, cells in lines:
        if len(cells) != columns.width:
            raise DataError(
                f"{path}, line {line}: another number of columns than the first line.",
                expected=f"{columns.width} columns",
                received=str(len(cells)),
            )
        try:
            values.extend(_numbers([cells[place] for place in columns.used]))
        except ValueError:
            place = next(place for place in columns.used if not is_number(cells[place]))
            raise DataError(
                f"{path}, line {line}: a cell is not a number.",
                expected=f"a number in column {place + 1}",
                received=repr(cells[place]) if cells[place].strip() else "an empty cell",
                next_step="fill the gap, or pass --label-column for the column that holds names of classes",
            ) from None
        if values.itemsize * len(values) > LARGEST_BYTES or line > MOST_EXAMPLES:
            raise DataError(
                f"{path} is too large.",
                expected=f"at most {LARGEST_BYTES / 1e9:.0f} GB of numbers and {MOST_EXAMPLES:,} lines",
            )
        if columns.label is not None:
            labels.append(cells[columns.label].strip())
        if columns.group is not None:
            groups.append(cells[columns.group].strip())
    return values, labels, groups


def _ground_truth(path: Path, labels: Sequence[str]) -> tuple[dict[str, np.ndarray], tuple[str, ...]]:
    as_numbers = all(is_number(label) for label in labels)
    y = np.array([float(label) for label in labels]) if as_numbers else np.array(labels)
    ground_truth = as_ground_truth(str(path), y, len(labels))
    return {UNNAMED: ground_truth.values}, ground_truth.names


def _sizes(path: Path, model_input: ModelInput, columns: int) -> tuple[int, ...]:
    """The sizes of one example."""
    sizes = model_input.shape[1:]
    if sizes.count(-1) == 1 and columns % abs(math.prod(sizes)) == 0:
        return tuple(columns // abs(math.prod(sizes)) if size == -1 else size for size in sizes)
    if sizes.count(-1) > 1:
        raise DataError(
            f"{path} does not tell the sizes of an example, and the model takes any.",
            expected="an input of which one size is open at most",
            received=" × ".join("any" if size == -1 else str(size) for size in sizes),
            next_step="pass the examples in their shape: as an .npz, as .npy files, or as images",
        )
    if math.prod(sizes) != columns:
        raise DataError(
            f"{path} does not fit the model's input.",
            expected=f"{math.prod(sizes)} columns of values" if min(sizes) > 0 else f"values for {sizes}",
            received=f"{columns} columns beside labels and slices",
            next_step="pass --label-column if one of them holds the labels",
        )
    return sizes


def lines_of(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the number and the content of each line of a text file.

    Raises:
        DataError: The file is not text, or a line is too long.
    """
    try:
        # Other ends of lines of Unicode belong to the text.
        with path.open(newline="\n", encoding="utf-8-sig") as file:
            yield from enumerate(_bounded_lines(path, file), 1)
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(path, error) from error


def cells_by_line(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield the number and the cells of each line that is not empty."""
    line, blank = 1, 0
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            first = file.readline(_LONGEST_LINE)
            file.seek(0)
            delimiter = max(_DELIMITERS, key=first.count)
            reader = csv.reader(_bounded_lines(path, file), delimiter=delimiter)
            for cells in reader:
                if reader.line_num > line:
                    raise _unclosed_quote(path, line)
                if any(cell.strip() for cell in cells):
                    yield line, cells
                else:
                    blank += 1
                    _require_few(path, blank)
                line = reader.line_num + 1
    except csv.Error as error:
        raise (_unclosed_quote(path, line) if "field limit" in str(error) else _unreadable(path, error)) from error
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(path, error) from error


def _bounded_lines(path: Path, file: TextIO) -> Iterator[str]:
    number = 0
    while line := file.readline(_LONGEST_LINE + 1):
        number += 1
        if len(line) > _LONGEST_LINE:
            raise DataError(f"{path}, line {number} is too long.", expected=f"at most {_LONGEST_LINE:,} characters")
        yield line


def _require_few(path: Path, blank: int) -> None:
    if blank > _MOST_BLANK_LINES:
        raise DataError(
            f"{path} has more than {_MOST_BLANK_LINES:,} empty lines.",
            expected="an example for each line",
            next_step="remove the empty lines, or check how the file was written",
        )


def _unclosed_quote(path: Path, line: int) -> DataError:
    return DataError(
        f"{path}, line {line}: a quotation mark is not closed on its line.",
        expected="text in two quotation marks, or none",
        next_step="close it, or remove it",
    )


def _unreadable(path: Path, error: Exception) -> DataError:
    return DataError(f"{path} could not be read as a table.", expected="text", received=str(error))


def _numbers(cells: list[str]) -> list[float]:
    """Parse cells as numbers.

    Raises:
        ValueError: A cell is not a plain number. Python would also accept "1_0" and the digits of other scripts.
    """
    text = "".join(cells)
    if "_" in text or not text.isascii():
        raise ValueError("not a plain number")
    return [float(cell) for cell in cells]


def is_number(cell: str) -> bool:
    try:
        _numbers([cell])
    except ValueError:
        return False
    return True
