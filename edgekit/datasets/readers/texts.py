"""Reads texts: from tables, JSON lines and plain lines, and from folders with one file per text."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from edgekit.datasets.dataset import LARGEST_BYTES, MOST_EXAMPLES
from edgekit.datasets.ground_truth import as_ground_truth
from edgekit.datasets.readers.folders import Listing
from edgekit.datasets.readers.tables import LABEL_HEADING, cells_by_line, is_number, lines_of, place_of_column
from edgekit.datasets.source import Source
from edgekit_converters.lowering import ModelInput
from edgekit_runtime.errors import DataError
from edgekit_runtime.regular_file import open_regular_file
from edgekit_runtime.task import UNNAMED
from edgekit_runtime.text import TextInput

#: Heading or key of the texts if no heading is the name of the model's input.
_TEXT_HEADING = "text"
_LARGEST_FILE = 10_000_000


def takes_texts(model_input: ModelInput) -> bool:
    """Whether an input is given as texts."""
    return isinstance(model_input.raw, TextInput)


def text_table_source(
    path: Path, model_input: ModelInput, *, label_column: str | None = None, slice_by: str | None = None
) -> Source:
    """Read a table of texts: one line per example, a column for the text, and one for the label.

    The first line is a heading if it has the column ``text``, ``label``, ``label_column``, ``slice_by`` or one with the
    name of the input. The text is in the column with the name of the input, in the column ``text``, or in the only one
    besides labels and slices; an input of several strings takes all columns besides these.

    Args:
        path: File to read, separated by commas, semicolons or tabs.
        model_input: Input that takes texts.
        label_column: Heading or number of the label column; None for the column ``label``, or the last of two.
        slice_by: Column with the slice of each example, or None.
    Raises:
        DataError: The file is not a table, or its columns do not fit the model's input.
    """
    lines = cells_by_line(path)
    first = next(lines, None)
    if first is None:
        raise DataError(f"{path} is empty.", expected="one example per line")
    cells = [cell.strip() for cell in first[1]]
    heading = cells if {_TEXT_HEADING, LABEL_HEADING, label_column, slice_by, model_input.name} & set(cells) else []
    label = _label_place(path, heading, len(cells), label_column)
    group = None if slice_by is None else place_of_column(path, heading, len(cells), slice_by, "--slice-by")
    places = _text_places(path, heading, [n for n in range(len(cells)) if n not in (label, group)], model_input)
    texts: list[Any] = []
    labels, groups = [], []
    size = 0
    for line, row in lines if heading else chain([first], lines):
        if len(row) != len(cells):
            raise DataError(
                f"{path}, line {line}: another number of columns than the first line.",
                expected=f"{len(cells)} columns",
                received=str(len(row)),
            )
        size += sum(map(len, row))
        _require_room(path, size, len(texts))
        texts.append([row[place] for place in places] if len(places) > 1 else row[places[0]])
        labels += [] if label is None else [row[label].strip()]
        groups += [] if group is None else [row[group].strip()]
    return _source(path, {UNNAMED: texts}, [model_input], labels, groups)


def json_lines_source(
    path: Path, inputs: Sequence[ModelInput], *, label_column: str | None = None, slice_by: str | None = None
) -> Source:
    """Read JSON lines: one object per line, with a key for each input of the model, and one for the label.

    Args:
        path: File to read.
        inputs: Inputs of the model; the only one may also be called ``text``.
        label_column: Key of the labels; None for ``label``, which may be absent.
        slice_by: Key of the slice of each example, or None.
    Raises:
        DataError: A line is not such an object.
    """
    label = label_column or LABEL_HEADING
    columns: dict[str, list[Any]] = {each.name: [] for each in inputs}
    labels, groups = [], []
    size = 0
    has_labels: bool | None = None
    for line, text in lines_of(path):
        if not text.strip():
            continue
        size += len(text)
        _require_room(path, size, line)
        example = _json_object(path, line, text)
        for name, values in columns.items():
            key = name if name in example or len(columns) > 1 else _TEXT_HEADING
            values.append(_value(path, line, example, key))
        if has_labels is None:
            has_labels = label_column is not None or label in example
        labels += [_value(path, line, example, label)] if has_labels else []
        groups += [] if slice_by is None else [str(_value(path, line, example, slice_by))]
    given = columns if len(inputs) > 1 else {UNNAMED: columns[inputs[0].name]}
    return _source(path, given, inputs, labels, groups)


def text_lines_source(path: Path, model_input: ModelInput) -> Source:
    """Read a file with one text per line, without labels.

    Raises:
        DataError: The file is not text, or the model does not take texts.
    """
    texts, size = [], 0
    for line, text in lines_of(path):
        size += len(text)
        _require_room(path, size, line)
        texts.append(text.rstrip("\r\n"))
    return _source(path, {UNNAMED: [text for text in texts if text]}, [model_input], [], [])


def text_folder_source(listing: Listing) -> Source:
    """Read a folder with one file per text; the sub-folders are the classes."""
    return listing.source(_whole_file)


def _whole_file(path: Path) -> np.ndarray:
    with open_regular_file(path) as file:
        content = file.read(_LARGEST_FILE + 1)
    if len(content) > _LARGEST_FILE:
        raise DataError(f"{path} is too large for one text.", expected=f"at most {_LARGEST_FILE:,} bytes")
    text = np.empty((), object)
    text[()] = content.decode("utf-8", "replace")
    return text


def _label_place(path: Path, heading: Sequence[str], width: int, label_column: str | None) -> int | None:
    if label_column is not None:
        return place_of_column(path, heading, width, label_column, "--label-column")
    if heading:
        return heading.index(LABEL_HEADING) if LABEL_HEADING in heading else None
    return 1 if width == 2 else None


def _text_places(path: Path, heading: Sequence[str], places: Sequence[int], model_input: ModelInput) -> Sequence[int]:
    raw = model_input.raw
    strings = raw.strings if isinstance(raw, TextInput) else None
    named = [heading.index(name) for name in (model_input.name, _TEXT_HEADING) if name in heading]
    if (strings or 1) == 1 and named:
        return named[:1]
    if len(places) != (strings or 1):
        raise DataError(
            f"{path} does not show which column has the texts.",
            expected=f"{strings} columns besides labels and slices" if strings else "a column with the heading text",
            received=", ".join(heading) if heading else f"{len(places)} columns without a heading",
            next_step="rename the column of the texts to text",
        )
    return places


def _require_room(path: Path, size: int, lines: int) -> None:
    if size > LARGEST_BYTES or lines > MOST_EXAMPLES:
        raise DataError(
            f"{path} is too large.",
            expected=f"at most {LARGEST_BYTES / 1e9:.0f} GB of text and {MOST_EXAMPLES:,} lines",
        )


def _json_object(path: Path, line: int, text: str) -> dict[str, Any]:
    try:
        example = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(
            f"{path}, line {line} is not JSON.", expected='an object, such as {"text": "…", "label": "…"}',
            received=str(error)[:200],
        ) from error  # fmt: skip
    if not isinstance(example, dict):
        raise DataError(
            f"{path}, line {line} is not an object.", expected='{"text": "…", "label": "…"}', received=text[:40]
        )
    return example


def _value(path: Path, line: int, example: Mapping[str, Any], key: str) -> Any:
    if key not in example:
        raise DataError(
            f"{path}, line {line} has no {key}.",
            expected=f"an object with the key {key}",
            received=", ".join(example)[:200] or "an empty object",
        )
    return example[key]


def _ground_truth(path: Path, labels: Sequence[Any]) -> tuple[dict[str, np.ndarray], tuple[str, ...]]:
    given = [float(label) if isinstance(label, str) and is_number(label) else label for label in labels]
    if any(isinstance(label, str) for label in given):
        given = list(labels)
    try:
        y = np.array(given)
    except ValueError as error:
        raise DataError(f"The labels of {path} differ in size.", received=str(error)) from error
    found = as_ground_truth(str(path), y, len(labels))
    return {UNNAMED: found.values}, found.names


def _source(
    path: Path,
    columns: Mapping[str, Sequence[Any]],
    inputs: Sequence[ModelInput],
    labels: Sequence[Any],
    groups: Sequence[str],
) -> Source:
    """A source of columns that are in memory; without labels or without slices, these are empty."""
    arrays = {name: _as_array(path, values, each) for (name, values), each in zip(columns.items(), inputs, strict=True)}
    count = len(next(iter(arrays.values())))
    if not count:
        raise DataError(f"{path} has no examples.", expected="one example per line")
    ground_truth, names = _ground_truth(path, labels) if labels else ({}, ())
    return Source(
        name=str(path),
        count=count,
        read=lambda rows: {name: array[rows] for name, array in arrays.items()},
        hashes=lambda: _hashes(list(arrays.values())),
        ground_truth=ground_truth,
        labels=names,
        groups=np.array(groups) if groups else None,
    )


def _as_array(path: Path, values: Sequence[Any], model_input: ModelInput) -> np.ndarray:
    """Texts as an array of objects (N,) or (N, strings); numbers as an array of numbers."""
    raw = model_input.raw
    try:
        if not isinstance(raw, TextInput):
            array = np.array(values)
        elif raw.are_integers:
            array = np.array([_whole_numbers(value) for value in values])
        else:
            array = np.array(values, object)
    except (ValueError, TypeError) as error:
        raise DataError(
            f"{path} has values that do not fit the input {model_input.name}.", received=str(error)
        ) from error
    texts = array.reshape(-1).tolist() if array.dtype == object else []
    odd = next((text for text in texts if not isinstance(text, str)), None)
    if odd is not None:
        raise DataError(
            f"{path} has values that are not texts.",
            expected=f"strings for the input {model_input.name}",
            received=f"{odd!r:.40}",
        )
    return array


def _whole_numbers(value: Any) -> Any:
    return [int(each) for each in value] if isinstance(value, list) else int(value)


def _hashes(arrays: Sequence[np.ndarray]) -> Iterator[bytes]:
    for row in range(len(arrays[0])):
        # As JSON, so that two strings never look like two others.
        whole = json.dumps([np.ravel(array[row]).tolist() for array in arrays])
        yield hashlib.blake2b(whole.encode(), digest_size=16).digest()
