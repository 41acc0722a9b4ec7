"""The committed baseline: for every model what the gate compares candidates with."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ValidationError

from edgekit.regression.baseline.content_digest import ContentDigest
from edgekit.regression.baseline.fields import (
    Count,
    Fraction,
    Measure,
    PositiveCount,
    PositiveMeasure,
    explain_mistake,
    stored_as_section,
)
from edgekit_converters.atomic_files import write_text
from edgekit_runtime.errors import EdgekitError

SCHEMA_VERSION = 1
#: An update never overwrites a baseline that it cannot read: what changes could not be shown.
_ANEW = "delete it and write it anew with: edgekit check --update-baseline"


@dataclass(frozen=True, slots=True)
class LatencyRatio:
    """Latency of a model over that of a reference model, both measured in turn in one run.

    Attributes:
        ratio: Median over the rounds.
        low: Lower end of the median's 99 % interval.
        high: Its upper end.
        p50_ms: The model's own median on that machine, in milliseconds.
        reference: Name of the reference model.
        machine: Processor and interpreter that it was measured on.
    """

    ratio: PositiveMeasure
    low: Measure
    high: Measure
    p50_ms: Measure
    reference: str
    machine: str


@dataclass(frozen=True, slots=True)
class ModelRecord:
    """What is known of one model.

    Attributes:
        file: Name of the .tflite.
        sha256: Digest of the whole file.
        content: Digests of what it computes with.
        size_bytes: Size of the file.
        operators: Name and highest version of each operator it uses, sorted.
        labels: Names of its classes; empty where none are packed.
        provenance: What its manifest says of its origin, sorted.
        made_with: Versions and options that the gate converted it with, sorted; empty for a file taken as it is.
        data: Name of the data set that it was judged on.
        data_sha256: Digest of that data.
        samples: How many samples it answered.
        top1: Share labelled right; None without labels, or where it gives no classes.
        mean_absolute_error: Where it estimates numbers that the data knows; else None.
        reliability: By confidence, the samples of a bin, their mean confidence and the share of them that is right;
            empty where that is not known.
        answers: The packed answers.
        latency: Against a reference model; None where it was not measured.
    """

    file: str
    sha256: str
    content: ContentDigest
    size_bytes: PositiveCount
    operators: Annotated[tuple[tuple[str, int], ...], stored_as_section(Count)]
    labels: tuple[str, ...]
    provenance: Annotated[tuple[tuple[str, str], ...], stored_as_section(str)]
    made_with: Annotated[tuple[tuple[str, str], ...], stored_as_section(str)]
    data: str
    data_sha256: str
    samples: Count
    top1: Fraction | None
    mean_absolute_error: Measure | None
    reliability: tuple[tuple[Count, Fraction, Fraction], ...]
    answers: dict[str, Any]
    latency: LatencyRatio | None

    def to_dict(self) -> dict[str, Any]:
        """As the baseline file holds it."""
        return asdict(self) | {
            "operators": dict(self.operators),
            "labels": list(self.labels),
            "provenance": dict(self.provenance),
            "made_with": dict(self.made_with),
        }


def write_baseline(path: Path, records: Mapping[str, ModelRecord]) -> None:
    """Write the baseline in one step; equal records give equal bytes."""
    content = {
        "schema_version": SCHEMA_VERSION,
        "models": {name: records[name].to_dict() for name in sorted(records)},
    }
    write_text(path, json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n")


def update_baseline(
    path: Path, measured: Mapping[str, ModelRecord], configured: Collection[str] | None = None
) -> dict[str, ModelRecord]:
    """Write new records into the baseline and keep those that other processes have written meanwhile.

    Args:
        path: The baseline; made if absent.
        measured: The new records.
        configured: Names of the models of the configuration: records of others are dropped; None keeps all.
    Returns:
        The records that were there before.
    Raises:
        EdgekitError: The baseline cannot be read or written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with _alone_in(path.parent):
        before = read_baseline(path) if path.exists() else {}
        kept = {name: record for name, record in before.items() if configured is None or name in configured}
        write_baseline(path, {**kept, **measured})
    return before


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Wait until no other process updates a baseline in ``folder``; the lock leaves no file behind."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        # Not every network file system has locks.
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def read_baseline(path: Path) -> dict[str, ModelRecord]:
    """Read the baseline.

    Raises:
        EdgekitError: It is missing, damaged (the message names the field), or of another edgekit.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise EdgekitError(
            f"There is no baseline {path}.",
            next_step="make one of the models as they are now, look at it, and commit it: "
            "edgekit check --update-baseline",
        ) from None
    except OSError as error:
        raise _damaged(path, error.strerror or str(error)) from error
    return parse_baseline(content, path)


def parse_baseline(content: bytes, path: Path) -> dict[str, ModelRecord]:
    """Read the content of a baseline.

    Args:
        content: The bytes of the file.
        path: The file, for messages.
    Raises:
        EdgekitError: It is damaged (the message names the field), or of another edgekit.
    """
    try:
        version = _Version.model_validate_json(content, strict=True).schema_version
    except ValidationError as error:
        raise _conflict(path) if _in_conflict(content) else _wrong_field(path, error) from error
    if version != SCHEMA_VERSION:
        raise EdgekitError(
            f"{path} was written by another edgekit than this one.",
            expected=f"schema version {SCHEMA_VERSION}",
            received=f"version {version}",
            next_step=f"install the edgekit that wrote it, or {_ANEW}",
        )
    try:
        return _File.model_validate_json(content, strict=True).models
    except ValidationError as error:
        raise _wrong_field(path, error) from error


def _wrong_field(path: Path, error: ValidationError) -> EdgekitError:
    key, expected, received = explain_mistake(error)
    return _damaged(path, received, f"{key}: {expected}" if key else expected)


def _damaged(path: Path, received: str, expected: str = "") -> EdgekitError:
    return EdgekitError(
        f"The baseline {path} is damaged.",
        expected=expected,
        received=received,
        next_step=f"restore it from version control, or {_ANEW}",
    )


def _conflict(path: Path) -> EdgekitError:
    return EdgekitError(
        f"The baseline {path} has the marks of a merge conflict.",
        next_step=f"take one side whole (git checkout --ours {path.name}, or --theirs), then, where both sides changed "
        "a model: edgekit check --update-baseline",
    )


def _in_conflict(content: bytes) -> bool:
    return any(line.startswith((b"<<<<<<< ", b">>>>>>> ")) for line in content.splitlines())


class _Version(BaseModel):
    """What every version of the file holds."""

    schema_version: int


class _File(BaseModel):
    """What this version of the file holds."""

    models: dict[str, ModelRecord]
