"""What is installed on this device, for ``python -m edgekit_runtime status``."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from typing import Any

from edgekit_runtime.errors import EdgekitError
from edgekit_runtime.store.slot import Slot


@dataclass(frozen=True)
class Status:
    """The state of one installed model.

    Attributes:
        name: Name of the installed model.
        digest: SHA-256 of the current version; empty if there is none.
        release: Its release number; ``None`` if it has none.
        size_bytes: File size in bytes; ``None`` if the file is missing.
        since: Time of the last switch in UTC; empty if the log does not contain it.
        interpreter: Name and version of the interpreter that proved it.
        verified: Time of the last verification in UTC; empty if there was none.
        passed: Result of the last verification; ``None`` if there was none.
        versions: Number of versions that are kept.
        problem: What is wrong with the installation; empty if nothing is.
    """

    name: str
    digest: str
    release: int | None
    size_bytes: int | None
    since: str
    interpreter: str
    verified: str
    passed: bool | None
    versions: int
    problem: str

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for ``--json``."""
        return asdict(self)


def read_status(slot: Slot) -> Status:
    """Read the state of an installed model from its link and its log, without loading the model."""
    problem, digest = "", ""
    try:
        digest = slot.current
    except EdgekitError as error:
        problem = error.problem
    size_bytes = None
    if digest:
        try:
            size_bytes = os.stat(slot.path_of(digest)).st_size
        except OSError as error:
            problem = f"The file of the current version is missing: {error.strerror}."
    events = [event for event in slot.events() if event.digest == digest]
    switches = [event for event in events if event.what not in ("verified", "refused")]
    proofs = [event for event in events if "interpreter" in event.details]
    last, proof = switches[-1:], proofs[-1:]
    release = next((event.details["release"] for event in last if type(event.details.get("release")) is int), None)
    return Status(
        name=slot.name,
        digest=digest,
        release=release,
        size_bytes=size_bytes,
        since=last[0].time if last else "",
        interpreter=str(proof[0].details["interpreter"]) if proof else "",
        verified=proof[0].time if proof else "",
        passed=proof[0].details.get("passed", True) is True if proof else None,
        versions=len(slot.digests()),
        problem=problem,
    )


def verify_current(slot: Slot) -> Status:
    """Run the golden examples of the current version, and log the result.

    Raises:
        EdgekitError: The version cannot be loaded, or has no golden examples.
    """
    from edgekit_runtime.loading import load

    with load(slot.link) as model:
        report = model.verify()
    with slot.locked():
        slot.record("verified", slot.current, interpreter=report.interpreter, passed=report.passed)
    return read_status(slot)
