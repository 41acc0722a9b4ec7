"""Converts planned models in parallel, and skips those whose result is there."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import edgekit
from edgekit.jobs.local_jobs import Job, Outcome, run_jobs
from edgekit.jobs.memory import usable_bytes
from edgekit.many_models.planning import PlannedConversion
from edgekit.many_models.result import ManyConversions, ModelRow, Status
from edgekit_runtime.errors import EdgekitError

#: Folder with one record per converted model, beside the results.
RECORDS = ".edgekit-convert"
#: A conversion needs this, for TensorFlow, and a multiple of the size of its source.
_BASE_BYTES, _BYTES_PER_SOURCE_BYTE = 900_000_000, 6


def convert_many(
    planned: Sequence[PlannedConversion],
    folder: Path,
    *,
    processes: int | None = None,
    on_start: Callable[[str], object] = lambda _name: None,
    on_row: Callable[[ModelRow], object] = lambda _row: None,
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
    records = folder / RECORDS
    try:
        records.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EdgekitError(
            f"The folder {folder} cannot be written to.",
            received=error.strerror or str(error),
            next_step="choose another folder with --output",
        ) from error
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


def convert_or_skip(planned: PlannedConversion, records: Path) -> ModelRow:
    """Convert one model and record the result, or return the record of an earlier run.

    Raises:
        EdgekitError: The model cannot be converted.
    """
    from edgekit.api.converting import convert
    from edgekit_converters.atomic_files import write_text
    from edgekit_converters.lowering.source_digest import digest

    record = records / f"{hashlib.sha256(str(planned.output.resolve()).encode()).hexdigest()[:32]}.json"
    key = None
    if planned.source.exists():
        key = {"source": digest(planned.source), "options": _options_digest(planned), "edgekit": edgekit.__version__}
        earlier = _earlier(record, key)
        if earlier is not None:
            return earlier
    started = time.monotonic()
    try:
        folder = planned.output if planned.options.get("quantize") == "all" else planned.output.parent
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EdgekitError(f"{planned.output} cannot be written.", received=error.strerror or str(error)) from error
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
    files = {str(model.path): model.sha256 for model in conversion.models}
    write_text(record, json.dumps({"key": key, "sha256": files, "row": row.to_dict()}, indent=1))
    return row


def source_bytes(source: Path) -> int:
    """Size of a file, or of all files in a folder; 0 if it does not exist."""
    if source.is_dir():
        return sum(path.stat().st_size for path in source.rglob("*") if path.is_file())
    return source.stat().st_size if source.exists() else 0


def _estimate(source: Path) -> int:
    return _BASE_BYTES + _BYTES_PER_SOURCE_BYTE * source_bytes(source)


def _options_digest(planned: PlannedConversion) -> str:
    text = json.dumps(dict(planned.options), sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def _earlier(record: Path, key: dict[str, str]) -> ModelRow | None:
    """The row of an earlier run, if it had the same key and its files are unchanged."""
    try:
        stored = json.loads(record.read_text())
        if stored["key"] != key:
            return None
        for path, sha256 in stored["sha256"].items():
            if hashlib.sha256(Path(path).read_bytes()).hexdigest() != sha256:
                return None
        return ModelRow.from_dict(stored["row"] | {"status": Status.SKIPPED.value, "seconds": 0.0})
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None  # No record, or a damaged one: the model is converted again.


def _row(planned: PlannedConversion, outcome: Outcome) -> ModelRow:
    if outcome.error is None:
        row: ModelRow = outcome.result
        return row
    reason = str(outcome.error)
    return ModelRow(planned.name, Status.FAILED, source_bytes(planned.source), reason=reason)
