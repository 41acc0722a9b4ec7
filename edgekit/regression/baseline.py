"""The committed baseline: for every model what the gate compares candidates with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edgekit.regression.content_digest import ContentDigest
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

    ratio: float
    low: float
    high: float
    p50_ms: float
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
    size_bytes: int
    operators: tuple[tuple[str, int], ...]
    labels: tuple[str, ...]
    provenance: tuple[tuple[str, str], ...]
    made_with: tuple[tuple[str, str], ...]
    data: str
    data_sha256: str
    samples: int
    top1: float | None
    mean_absolute_error: float | None
    reliability: tuple[tuple[int, float, float], ...]
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


def read_baseline(path: Path) -> dict[str, ModelRecord]:
    """Read the baseline.

    Raises:
        EdgekitError: It is missing, damaged, or of a newer edgekit.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise EdgekitError(
            f"There is no baseline {path}.",
            next_step="make one of the models as they are now, look at it, and commit it: "
            "edgekit check --update-baseline",
        ) from None
    except (ValueError, OSError) as error:
        raise _unreadable(path, error) from error
    if not isinstance(content, dict) or not isinstance(content.get("models"), dict):
        raise _damaged(path, "no JSON object with models")
    if content.get("schema_version") != SCHEMA_VERSION:
        raise EdgekitError(
            f"{path} was written by another edgekit than this one.",
            expected=f"schema version {SCHEMA_VERSION}",
            received=f"version {content.get('schema_version')}",
            next_step=f"install the edgekit that wrote it, or {_ANEW}",
        )
    try:
        return {str(name): _record(fields) for name, fields in content["models"].items()}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _damaged(path, f"{type(error).__name__}: {error}") from error


def _record(fields: dict[str, Any]) -> ModelRecord:
    latency = fields["latency"]
    return ModelRecord(
        file=str(fields["file"]),
        sha256=str(fields["sha256"]),
        content=ContentDigest(str(fields["content"]["graph"]), tuple(map(str, fields["content"]["constants"]))),
        size_bytes=int(fields["size_bytes"]),
        operators=tuple(sorted((str(name), int(version)) for name, version in fields["operators"].items())),
        labels=tuple(str(label) for label in fields["labels"]),
        provenance=_texts(fields["provenance"]),
        made_with=_texts(fields["made_with"]),
        data=str(fields["data"]),
        data_sha256=str(fields["data_sha256"]),
        samples=int(fields["samples"]),
        top1=_number(fields["top1"]),
        mean_absolute_error=_number(fields["mean_absolute_error"]),
        reliability=tuple((int(count), float(mean), float(right)) for count, mean, right in fields["reliability"]),
        answers=dict(fields["answers"]),
        latency=None if latency is None else LatencyRatio(**latency),
    )


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _texts(fields: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((str(name), str(value)) for name, value in fields.items()))


def _damaged(path: Path, why: str) -> EdgekitError:
    return EdgekitError(
        f"The baseline {path} is damaged.",
        received=why,
        next_step=f"restore it from version control, or {_ANEW}",
    )


def _unreadable(path: Path, error: ValueError | OSError) -> EdgekitError:
    if isinstance(error, OSError) or not _in_conflict(path):
        return _damaged(path, str(error))
    return EdgekitError(
        f"The baseline {path} has the marks of a merge conflict.",
        next_step=f"take one side whole (git checkout --ours {path.name}, or --theirs), then, where both sides changed "
        "a model: edgekit check --update-baseline",
    )


def _in_conflict(path: Path) -> bool:
    return any(line.startswith((b"<<<<<<< ", b">>>>>>> ")) for line in path.read_bytes().splitlines())
