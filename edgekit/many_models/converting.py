"""Converts planned models in parallel, and skips those whose result is there."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from edgekit.jobs.local_jobs import Job, Outcome, run_jobs
from edgekit.jobs.memory import usable_bytes
from edgekit.many_models.planning import PlannedConversion
from edgekit.many_models.records import Records
from edgekit.many_models.result import ManyConversions, ModelRow, Status
from edgekit_runtime.errors import EdgekitError

#: A conversion needs this, for TensorFlow, and a multiple of the size of its source.
_BASE_BYTES, _BYTES_PER_SOURCE_BYTE = 900_000_000, 6

#: Called with the name of a model whose conversion starts, and with each row as it arrives.
OnStart = Callable[[str], object]
OnRow = Callable[[ModelRow], object]


def convert_many(
    planned: Sequence[PlannedConversion],
    folder: Path,
    *,
    processes: int | None = None,
    on_start: OnStart = lambda _name: None,
    on_row: OnRow = lambda _row: None,
) -> ManyConversions:
    """Convert models, each in a child of its own; one that fails does not stop the others.

    A model is skipped if an earlier run converted the same source with the same options and version of edgekit, and the
    files have not changed since.

    Args:
        planned: The models.
        folder: Folder that the records of finished conversions are kept in.
        processes: Most conversions at once; None for the number of cores.
        on_start: Called with the name of a model whose conversion starts.
        on_row: Called with each row as it arrives.
    Raises:
        EdgekitError: The folder cannot be written to.
    """
    records = Records.beside(folder)
    jobs = [Job(each.name, convert_or_skip, (each, records), _estimate(each.source)) for each in planned]
    by_name = {each.name: each for each in planned}

    def finished(job: Job, outcome: Outcome) -> None:
        on_row(_row(by_name[job.name], outcome))

    outcomes = run_jobs(
        jobs,
        processes=processes or os.cpu_count() or 1,
        memory_bytes=usable_bytes(),
        on_start=lambda job: on_start(job.name),
        on_outcome=finished,
    )
    return ManyConversions(tuple(_row(each, outcome) for each, outcome in zip(planned, outcomes, strict=True)))


def convert_or_skip(planned: PlannedConversion, records: Records) -> ModelRow:
    """Convert one model and record the result, or return the record of an earlier run.

    Raises:
        EdgekitError: The model cannot be converted.
    """
    key = records.key_of(planned)
    earlier = records.earlier(planned, key)
    if earlier is not None:
        return earlier
    row, sha256 = convert_planned(planned)
    records.write(planned, key, row, sha256)
    return row


def convert_planned(planned: PlannedConversion) -> tuple[ModelRow, dict[str, str]]:
    """Convert one model; returns its row, and the SHA-256 of each written file, in hex, by its path.

    Raises:
        EdgekitError: The model cannot be converted.
    """
    from edgekit.api.converting import convert

    started = time.monotonic()
    make_folder(planned)
    conversion = convert(planned.source, planned.output, **planned.options)
    row = ModelRow(
        name=planned.name,
        status=Status.CONVERTED,
        source_bytes=source_bytes(planned.source),
        files=tuple(str(model.path) for model in conversion.models),
        size_bytes=sum(model.size_bytes for model in conversion.models),
        drop=conversion.budget.winner.drop if conversion.budget else None,
        meets_budget=conversion.budget.met if conversion.budget else None,
        seconds=time.monotonic() - started,
        notes=(*conversion.notes, *conversion.warnings),
    )
    return row, {str(model.path): model.sha256 for model in conversion.models}


def make_folder(planned: PlannedConversion) -> None:
    """Create the folder that the result of a model is written to.

    Raises:
        EdgekitError: It cannot be created.
    """
    folder = planned.output if planned.options.get("quantize") == "all" else planned.output.parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EdgekitError(f"{planned.output} cannot be written.", received=error.strerror or str(error)) from error


def source_bytes(source: Path) -> int:
    """Size of a file, or of all files in a folder; 0 if it does not exist."""
    if source.is_dir():
        return sum(path.stat().st_size for path in source.rglob("*") if path.is_file())
    return source.stat().st_size if source.exists() else 0


def failed_row(planned: PlannedConversion, error: EdgekitError) -> ModelRow:
    """The row of a model that could not be converted."""
    return ModelRow(planned.name, Status.FAILED, source_bytes(planned.source), reason=str(error))


def _estimate(source: Path) -> int:
    return _BASE_BYTES + _BYTES_PER_SOURCE_BYTE * source_bytes(source)


def _row(planned: PlannedConversion, outcome: Outcome) -> ModelRow:
    if outcome.error is not None:
        return failed_row(planned, outcome.error)
    row: ModelRow = outcome.result
    return row
