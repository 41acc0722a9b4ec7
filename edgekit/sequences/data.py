"""Reads pairs of a source and a sequence: arrays of numbers, or two columns of text."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path
from typing import Any

import numpy as np

from edgekit.datasets.dataset import MOST_EXAMPLES
from edgekit.datasets.readers.memory import MemoryData
from edgekit.datasets.readers.stored_arrays import open_arrays
from edgekit_runtime.errors import DataError
from edgekit_runtime.regular_file import open_regular_file

#: Endings of files with one pair of texts per line, with the separator of their columns; None for JSON.
_TEXT_FILES: Mapping[str, str | None] = {".csv": ",", ".tsv": "\t", ".jsonl": None}
_EXPECTED = "an .npz with one array per encoder input and the array of sequences, or a .csv, .tsv or .jsonl of texts"
_LONGEST_LINE = 1_000_000


@dataclass(frozen=True, slots=True)
class PairData:
    """Pairs of a source and its sequence, as the data has them.

    Attributes:
        name: Name of the data, for messages and the manifest.
        inputs: For each encoder input, its values or texts, one per example.
        sequences: Token numbers of each example, or its text.
    """

    name: str
    inputs: Mapping[str, Any]
    sequences: Sequence[Any] | np.ndarray

    def __len__(self) -> int:
        return len(self.sequences)


def read_pairs(data: str | MemoryData, inputs: Sequence[str], sequences: str) -> PairData:
    """Read pairs for an encoder and a decoder.

    Arrays and columns of text are found by the names of the encoder's inputs and of the decoder's input of tokens;
    otherwise the first of two columns is the source and the second the sequence.

    Args:
        data: Path of a file, or a dict of arrays or lists in memory.
        inputs: Names of the encoder's inputs.
        sequences: Name of the decoder's input of tokens.
    Raises:
        DataError: The file is missing, damaged, has other names, or pairs without a partner.
    """
    if isinstance(data, MemoryData):
        columns, name = data.read(), data.name
        if not isinstance(columns, Mapping):
            raise DataError(
                "The data of an encoder and a decoder has no names.",
                expected=f"a dict with {', '.join([*inputs, sequences])}",
                received=type(columns).__name__,
            )
        columns = dict(columns)
    else:
        path = Path(data)
        columns, name = _read_file(path), path.name
    if not {*inputs, sequences} <= set(columns):
        columns = _by_position(name, columns, inputs, sequences)
    pairs = PairData(name, {each: columns[each] for each in inputs}, columns[sequences])
    counts = {each: len(columns[each]) for each in (*inputs, sequences)}
    if len(set(counts.values())) != 1 or not len(pairs):
        raise DataError(
            f"{name} does not have one sequence for each source.",
            expected="the same number of examples under each name, at least one",
            received=", ".join(f"{each}: {count}" for each, count in counts.items()),
        )
    return pairs


def _read_file(path: Path) -> dict[str, Any]:
    if path.suffix.lower() == ".npz":
        return {key: np.asarray(values[:]) for key, values in open_arrays(path).items()}
    if path.suffix.lower() not in _TEXT_FILES:
        raise DataError(f"{path} is not data of pairs.", expected=_EXPECTED, received=path.suffix or "no ending")
    try:
        with open_regular_file(path) as file, TextIOWrapper(file, "utf-8-sig", newline="") as text:
            return _read_texts(path, text)
    except (OSError, ValueError, RecursionError, csv.Error) as error:
        raise DataError(
            f"{path} could not be read as pairs of texts.", expected=_EXPECTED, received=str(error)
        ) from error


def _read_texts(path: Path, text: TextIOWrapper) -> dict[str, list[str]]:
    separator = _TEXT_FILES[path.suffix.lower()]
    rows = _json_rows(text) if separator is None else csv.DictReader(_bounded(text), delimiter=separator)
    columns: dict[str, list[str]] = {}
    for number, row in enumerate(rows, 1):
        if number > MOST_EXAMPLES:
            raise DataError(f"{path} has too many lines.", expected=f"at most {MOST_EXAMPLES:,}")
        if number == 1:
            columns = {str(key): [] for key in row}
        if set(row) != set(columns) or not all(isinstance(value, str) for value in row.values()):
            raise DataError(
                f"Line {number} of the texts in {path} differs from the first.",
                expected=f"a text for each of {', '.join(columns)}",
                received=f"{row!r:.80}",
            )
        for key, value in row.items():
            columns[key].append(value)
    return columns


def _bounded(text: TextIOWrapper) -> Iterator[str]:
    while line := text.readline(_LONGEST_LINE + 1):
        if len(line) > _LONGEST_LINE:
            raise ValueError(f"a line is longer than {_LONGEST_LINE:,} characters")
        yield line


def _json_rows(text: TextIOWrapper) -> Iterator[dict[str, Any]]:
    for line in _bounded(text):
        if line.strip():
            row = json.loads(line)
            if not isinstance(row, dict):
                raise ValueError(f"a line is not a JSON object: {line:.40}")
            yield row


def _by_position(name: str, columns: Mapping[str, Any], inputs: Sequence[str], sequences: str) -> dict[str, Any]:
    """The first column as the source and the second as the sequence, if there are only these two."""
    if len(columns) != 2 or len(inputs) != 1:
        raise DataError(
            f"{name} does not have what the encoder and the decoder take.",
            expected=f"{', '.join(inputs)} for the encoder, and {sequences} for the known sequences",
            received=", ".join(columns) or "nothing",
        )
    source, sequence = columns.values()
    return {inputs[0]: source, sequences: sequence}
