"""Converts planned models on workers, such as those of a Dask scheduler; only this process writes results."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from edgekit.datasets.kinds import path_of
from edgekit.jobs.pieces import Advance, Locate, Workers
from edgekit.many_models.converting import OnRow, OnStart, convert_planned, failed_row, make_folder
from edgekit.many_models.planning import PlannedConversion
from edgekit.many_models.records import Records
from edgekit.many_models.result import ManyConversions, ModelRow
from edgekit_runtime.errors import EdgekitError, ModelFileError


@dataclass(frozen=True, slots=True)
class Delivery:
    """A converted model as a worker returns it.

    Attributes:
        row: The row; its files are relative to the folder of the result.
        contents: Content of each file by its path in the row.
    """

    row: ModelRow
    contents: Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class ConversionPiece:
    """The conversion of one model; a ``Piece``, whose result is a ``Delivery``, or the error of this model alone.

    Attributes:
        planned: The model; data in its options must be at the same path on every worker.
    """

    planned: PlannedConversion

    @property
    def files(self) -> tuple[Path, ...]:
        """The source."""
        return (self.planned.source,)

    @property
    def steps(self) -> int:
        """One."""
        return 1

    def run(self, locate: Locate, advance: Advance) -> Delivery:
        """Convert the model; see ``Piece``."""
        from edgekit_converters.temporary_folders import temporary_folder

        with temporary_folder("conversion") as folder:
            here = replace(self.planned, source=locate(self.planned.source), output=folder / self.planned.output.name)
            row, _ = convert_planned(here)
            names = [str(Path(file).relative_to(folder)) for file in row.files]
            contents = {name: (folder / name).read_bytes() for name in names}
        advance(1)
        return Delivery(replace(row, files=tuple(names)), contents)

    def failed(self, error: EdgekitError) -> EdgekitError:
        """The error, as the result of this model alone."""
        return error


def convert_on_workers(
    planned: Sequence[PlannedConversion], folder: Path, workers: Workers, *, on_start: OnStart, on_row: OnRow
) -> ManyConversions:
    """Convert models on workers; see ``convert_many``.

    Args:
        planned: The models.
        folder: Folder that the records of finished conversions are kept in.
        workers: What converts.
        on_start: Called with the name of a model that is handed over to the workers.
        on_row: Called with each row as it arrives.
    Raises:
        EdgekitError: The folder cannot be written to, or all workers were lost.
    """
    records = Records.beside(folder)
    rows: dict[str, ModelRow] = {}
    submitted: deque[tuple[PlannedConversion, Mapping[str, str]]] = deque()

    def finish(row: ModelRow) -> None:
        rows[row.name] = row
        on_row(row)

    def pieces() -> Iterator[ConversionPiece]:
        for each in planned:
            key = records.key_of(each)
            earlier = records.earlier(each, key)
            if key is None:
                finish(failed_row(each, ModelFileError(f"{each.source} does not exist.")))
            elif earlier is not None:
                finish(earlier)
            else:
                on_start(each.name)
                submitted.append((each, key))
                yield ConversionPiece(replace(each, options=_readable_elsewhere(each.options)))

    for result in workers.results(pieces(), lambda _steps: None):
        each, key = submitted.popleft()
        try:
            finish(_stored(each, result, records, key))
        except EdgekitError as error:
            finish(failed_row(each, error))
    return ManyConversions(tuple(rows[each.name] for each in planned))


def _readable_elsewhere(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options with absolute paths, because workers have another current folder."""
    found = {name: value.absolute() if isinstance(value, Path) else value for name, value in options.items()}
    data = path_of(options.get("data"))
    if data is not None:
        found["data"] = str(data.absolute())
    return found


def _stored(
    planned: PlannedConversion, result: Delivery | EdgekitError, records: Records, key: Mapping[str, str]
) -> ModelRow:
    """Write the files of a delivery and record them.

    Raises:
        EdgekitError: The conversion failed, or a file cannot be written.
    """
    from edgekit_converters.atomic_files import write_bytes

    if isinstance(result, EdgekitError):
        raise result
    make_folder(planned)
    place = planned.output.parent
    for name, content in result.contents.items():
        write_bytes(place / name, content)
    sha256 = {str(place / name): hashlib.sha256(content).hexdigest() for name, content in result.contents.items()}
    row = replace(result.row, files=tuple(sha256))
    records.write(planned, key, row, sha256)
    return row
