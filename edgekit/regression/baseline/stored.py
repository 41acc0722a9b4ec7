"""The committed baseline file: the record of every model that the gate compares candidates with."""

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
#: An update never overwrites a baseline that it cannot read, because it could not show what changes.
_ANEW = "delete it and rewrite it with: edgekit check --update-baseline"


@dataclass(frozen=True, slots=True)
class LatencyRatio:
    """Latency of a model divided by that of a reference model, measured alternately in one run.

    Attributes:
        ratio: Median over the rounds.
        low: Lower end of the 99 % interval of the median.
        high: Upper end of that interval.
        p50_ms: Median latency of the model on that machine, in milliseconds.
        reference: Reference model name.
        machine: Processor and interpreter that the ratio was measured on.
    """

    ratio: PositiveMeasure
    low: Measure
    high: Measure
    p50_ms: Measure
    reference: str
    machine: str


@dataclass(frozen=True, slots=True)
class ModelRecord:
    """One model in the baseline.

    Attributes:
        file: File name of the .tflite.
        sha256: SHA-256 of the whole file.
        content: Digests of graph and constants.
        size_bytes: File size in bytes.
        operators: Name and highest version of each operator, sorted.
        labels: Class names in output order; empty if none are packed.
        provenance: Origin of the model according to its manifest, sorted.
        made_with: Versions and options of the gate's conversion, sorted; empty for a file used as is.
        data: Name of the dataset.
        data_sha256: SHA-256 of the dataset.
        samples: Number of examples.
        top1: Top-1 accuracy, a fraction; None without ground truth or if the output is not classes.
        mean_absolute_error: Mean absolute error of a regression model with ground truth; otherwise None.
        reliability: For each confidence bin, the number of examples, their mean confidence and their accuracy; empty if
            unknown.
        answers: The packed predictions.
        latency: Latency relative to a reference model; None if not measured.
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
        """Plain values as the baseline file stores them."""
        return asdict(self) | {
            "operators": dict(self.operators),
            "labels": list(self.labels),
            "provenance": dict(self.provenance),
            "made_with": dict(self.made_with),
        }


def write_baseline(path: Path, records: Mapping[str, ModelRecord]) -> None:
    """Write the baseline atomically; equal records give equal bytes."""
    content = {
        "schema_version": SCHEMA_VERSION,
        "models": {name: records[name].to_dict() for name in sorted(records)},
    }
    write_text(path, json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n")


def update_baseline(
    path: Path, measured: Mapping[str, ModelRecord], configured: Collection[str] | None = None
) -> dict[str, ModelRecord]:
    """Write new records into the baseline and keep records that other processes have written in the meantime.

    Args:
        path: Baseline file; created if missing.
        measured: New records by model name.
        configured: Models in the configuration; records of other models are dropped. None keeps all.
    Returns:
        The previous records.
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
        # Not every network file system supports locks.
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def read_baseline(path: Path) -> dict[str, ModelRecord]:
    """Read the baseline.

    Raises:
        EdgekitError: The file is missing, damaged (the message names the field), or of another schema version.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise EdgekitError(
            f"There is no baseline {path}.",
            next_step="create one from the current models, review it, and commit it: edgekit check --update-baseline",
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
        EdgekitError: The content is damaged (the message names the field), or of another schema version.
    """
    try:
        version = _Version.model_validate_json(content, strict=True).schema_version
    except ValidationError as error:
        raise _conflict(path) if _in_conflict(content) else _wrong_field(path, error) from error
    if version != SCHEMA_VERSION:
        raise EdgekitError(
            f"{path} was written by another version of edgekit.",
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
        f"The baseline {path} contains merge conflict markers.",
        next_step=f"keep one side (git checkout --ours {path.name}, or --theirs); if both sides changed a model, "
        "then run: edgekit check --update-baseline",
    )


def _in_conflict(content: bytes) -> bool:
    return any(line.startswith((b"<<<<<<< ", b">>>>>>> ")) for line in content.splitlines())


class _Version(BaseModel):
    """The part of the file that every schema version has."""

    schema_version: int


class _File(BaseModel):
    """The file in this schema version."""

    models: dict[str, ModelRecord]
