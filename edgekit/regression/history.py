"""Appends every check as a line of JSON, to follow accuracy, size and latency over commits."""

from __future__ import annotations

import datetime
import fcntl
import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, TypeAdapter, ValidationError

from edgekit.regression.baseline.fields import Count, Fraction, Measure
from edgekit.regression.results import CheckResult, ModelCheck
from edgekit_runtime.errors import EdgekitError

SCHEMA_VERSION = 1
#: Variables in which CI services name the commit: GitHub, GitLab, Jenkins, CircleCI, Bitbucket, Azure.
_COMMIT_VARIABLES = (
    "GITHUB_SHA",
    "CI_COMMIT_SHA",
    "GIT_COMMIT",
    "CIRCLE_SHA1",
    "BITBUCKET_COMMIT",
    "BUILD_SOURCEVERSION",
)


def _iso_time(text: str) -> str:
    datetime.datetime.fromisoformat(text)
    return text


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """The result of one model in one check.

    Attributes:
        time: Time of the check, UTC, ISO 8601.
        commit: The commit that was checked out; empty if unknown.
        model: Model name in the configuration.
        passed: Whether no rule failed.
        failed_rules: Names of the rules that failed.
        sha256: SHA-256 of the file; empty if it could not be loaded.
        size_bytes: File size in bytes; None if it could not be loaded.
        top1: Top-1 accuracy, a fraction; None if not applicable.
        mean_absolute_error: Mean absolute error of a regression model; otherwise None.
        latency_ratio: Latency divided by the reference model's; None if not measured.
        p50_ms: Median latency on the machine that ran the check, in milliseconds.
        machine: Machine that ran the check; empty if latency was not measured.
        data: Name of the dataset.
        samples: Number of examples.
    """

    time: Annotated[str, AfterValidator(_iso_time)]
    commit: str
    model: str
    passed: bool
    failed_rules: tuple[str, ...]
    sha256: str
    size_bytes: Count | None
    top1: Fraction | None
    mean_absolute_error: Measure | None
    latency_ratio: Measure | None
    p50_ms: Measure | None
    machine: str
    data: str
    samples: Count

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain values."""
        return {"schema_version": SCHEMA_VERSION, **asdict(self), "failed_rules": list(self.failed_rules)}


def history_entries(result: CheckResult, *, commit: str, now: datetime.datetime) -> list[HistoryEntry]:
    """The history entries of one check, one per model."""
    return [_entry(check, commit, now.astimezone(datetime.timezone.utc)) for check in result.models]


def _entry(check: ModelCheck, commit: str, now: datetime.datetime) -> HistoryEntry:
    record = None if check.measurement is None else check.measurement.record
    latency = None if record is None else record.latency
    return HistoryEntry(
        time=now.isoformat(timespec="seconds"),
        commit=commit,
        model=check.name,
        passed=check.passed,
        failed_rules=check.failed_rules,
        sha256="" if record is None else record.sha256,
        size_bytes=None if record is None else record.size_bytes,
        top1=None if record is None else record.top1,
        mean_absolute_error=None if record is None else record.mean_absolute_error,
        latency_ratio=None if latency is None else latency.ratio,
        p50_ms=None if latency is None else latency.p50_ms,
        machine="" if latency is None else latency.machine,
        data=check.baseline.data,
        samples=check.baseline.samples,
    )


def append_history(path: Path, entries: Sequence[HistoryEntry]) -> None:
    """Append all entries or none; other processes may append to the same file at the same time.

    Raises:
        EdgekitError: The file cannot be written.
    """
    lines = "".join(json.dumps(entry.to_dict(), sort_keys=True) + "\n" for entry in entries).encode()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a+b", buffering=0) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            size = file.seek(0, os.SEEK_END)
            if size:
                file.seek(-1, os.SEEK_END)
                # A partial line left by a killed process must not swallow the next one.
                lines = lines if file.read(1) == b"\n" else b"\n" + lines
            _write_whole(file.fileno(), lines, size)
    except OSError as error:
        raise EdgekitError(
            f"The history {path} could not be written.", received=error.strerror or str(error)
        ) from error


def _write_whole(descriptor: int, lines: bytes, size: int) -> None:
    """Write in one call; if the disk is full, restore the file's previous size."""
    try:
        if os.write(descriptor, lines) != len(lines):
            raise OSError(28, "the disk is full")
    except OSError:
        os.ftruncate(descriptor, size)
        raise


def read_history(path: Path) -> tuple[list[HistoryEntry], int]:
    """Read a history.

    Returns:
        The entries in file order, and the number of unreadable lines.
    Raises:
        EdgekitError: The file cannot be read.
    """
    entries, unread = [], 0
    try:
        with path.open("rb") as file:
            for line in file:
                if line.strip():
                    try:
                        entries.append(_parsed(line))
                    except ValidationError:
                        unread += 1
    except FileNotFoundError:
        raise EdgekitError(
            f"The history {path} does not exist.", next_step=f"start one with: edgekit check --history {path}"
        ) from None
    except OSError as error:
        raise EdgekitError(f"The history {path} could not be read.", received=error.strerror or str(error)) from error
    return entries, unread


def _parsed(line: bytes) -> HistoryEntry:
    """Parse one line.

    Raises:
        ValidationError: The line is damaged, or of another schema version.
    """
    _Version.model_validate_json(line, strict=True)
    return _ENTRY.validate_json(line, strict=True)


class _Version(BaseModel):
    schema_version: Literal[1]


_ENTRY = TypeAdapter(HistoryEntry)


def current_commit(folder: Path, environment: Mapping[str, str] = os.environ) -> str:
    """The commit that is checked out, according to the CI service or git; empty if neither knows."""
    for variable in _COMMIT_VARIABLES:
        if environment.get(variable):
            return environment[variable]
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), "rev-parse", "HEAD"], capture_output=True, text=True, check=False
        )
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
