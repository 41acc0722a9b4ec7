"""Results of push, status and rollback, one for each device."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from edgekit_runtime.errors import EdgekitError


@dataclass(frozen=True, slots=True)
class Switch:
    """The current version of a model on a device, after a push or a rollback.

    Attributes:
        device: Name of the device.
        digest: SHA-256 of the current version; empty if the device failed.
        previous: SHA-256 of the version before; empty if there was none.
        changed: Whether the current version is another one than before.
        interpreter: Interpreter that proved the model there; empty if nothing had to be proved.
        max_error: Largest deviation of a golden example there; None if there are none.
        p50_ms: Median time of one prediction there in milliseconds; None if it was not measured.
        sent_bytes: Number of bytes that were sent.
        error: What failed; empty if nothing did.
        next_step: What the user can do about it.
    """

    device: str
    digest: str = ""
    previous: str = ""
    changed: bool = False
    interpreter: str = ""
    max_error: float | None = None
    p50_ms: float | None = None
    sent_bytes: int = 0
    error: str = ""
    next_step: str = ""

    @property
    def passed(self) -> bool:
        """Whether the device has the version."""
        return not self.error

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain values."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class InstalledModel:
    """One installed model of a device.

    Attributes:
        device: Name of the device.
        name: Name of the model; empty if the device failed.
        digest: SHA-256 of the current version.
        release: Its release number; None if it has none.
        since: Time of the last switch, in UTC.
        interpreter: Interpreter that proved it.
        verified: Time of the last verification, in UTC.
        passed: Result of the last verification; None if there was none.
        temperature_c: Temperature of the device in °C; None if it does not report one.
        error: What is wrong; empty if nothing is.
    """

    device: str
    name: str = ""
    digest: str = ""
    release: int | None = None
    since: str = ""
    interpreter: str = ""
    verified: str = ""
    passed: bool | None = None
    temperature_c: float | None = None
    error: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain values."""
        return asdict(self)


def failed_switch(device: str, error: EdgekitError) -> Switch:
    """The result of a device that failed."""
    said = " ".join(part for part in (error.problem, error.received and f"Received: {error.received}.") if part)
    return Switch(device, error=said, next_step=error.next_step)


def switch_from(device: str, fields: Mapping[str, Any], *, name: str, sent_bytes: int = 0) -> Switch:
    """Read the answer of a device, without trusting it.

    Raises:
        ValueError: A field is missing or has another type.
    """
    if fields.get("name") != name:
        raise ValueError(f"the name {fields.get('name')!r:.60}")
    return Switch(
        device=device,
        digest=_text(fields, "digest"),
        previous=_text(fields, "previous"),
        changed=fields.get("changed") is True,
        interpreter=_text(fields, "interpreter"),
        max_error=_number(fields, "max_error"),
        p50_ms=_number(fields, "p50_ms"),
        sent_bytes=sent_bytes,
    )


def models_from(device: str, answer: Mapping[str, Any]) -> tuple[InstalledModel, ...]:
    """Read the answer of a device to ``status``, without trusting it.

    Raises:
        ValueError: A field is missing or has another type.
    """
    models = answer.get("models")
    if not isinstance(models, list) or not all(isinstance(fields, dict) for fields in models):
        raise ValueError("no list of models")
    temperature_c = _number(answer, "temperature_c")
    return tuple(
        InstalledModel(
            device=device,
            name=_text(fields, "name"),
            digest=_text(fields, "digest"),
            release=fields["release"] if type(fields.get("release")) is int else None,
            since=_text(fields, "since"),
            interpreter=_text(fields, "interpreter"),
            verified=_text(fields, "verified"),
            passed=fields["passed"] if isinstance(fields.get("passed"), bool) else None,
            temperature_c=temperature_c,
            error=_text(fields, "problem"),
        )
        for fields in models
    )


def _text(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or len(value) > 1000:
        raise ValueError(f"{name} {value!r:.60}")
    return value


def _number(fields: Mapping[str, Any], name: str) -> float | None:
    value = fields.get(name)
    if value is None:
        return None
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not math.isfinite(value):
        raise ValueError(f"{name} {value!r:.60}")
    return float(value)
