"""Installs a version only after it has proved itself on this device, and returns to the one before if it fails."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shlex
import subprocess
from dataclasses import asdict, dataclass
from typing import Any

from edgekit_runtime.errors import BelowThresholdError, EdgekitError, ModelFileError, UsageError
from edgekit_runtime.loading import load
from edgekit_runtime.model import Model
from edgekit_runtime.packed_file.manifest import GOLDEN_NAME, Parts, read_manifest
from edgekit_runtime.packed_file.model_file import read_model_file
from edgekit_runtime.packed_file.signature import require_signature
from edgekit_runtime.store.slot import Slot, new_slot, store_folder

#: Ed25519 public key in the store's folder; if it is there, every model must be signed with it.
TRUSTED_KEY_NAME = "trusted_key.pem"
#: Seconds that a reload or health command may take.
_COMMAND_SECONDS = 60
_TIMED_RUNS, _WARM_UP_RUNS = 100, 10


@dataclass(frozen=True)
class InstallOptions:
    """What a version must show, and what happens when it becomes the current one.

    Attributes:
        interpreter: Interpreter to prove the model on; ``None`` uses the first one installed.
        public_key: Ed25519 public key that the model must be signed with, beside the store's own trusted key.
        max_latency_ms: Longest allowed median time of one prediction in milliseconds; ``None`` for no limit.
        keep: Number of versions to keep.
        allow_older: Whether a lower release number than that of an installed version is accepted.
        allow_unproven: Whether a model without golden examples is accepted.
        reload: Command that makes the device's programs load the new version; empty for none.
        health: Command that fails if the device does not work with the new version; empty for none.
    """

    interpreter: str | None = None
    public_key: str | os.PathLike[str] | bytes | None = None
    max_latency_ms: float | None = None
    keep: int = 3
    allow_older: bool = False
    allow_unproven: bool = False
    reload: str = ""
    health: str = ""


@dataclass(frozen=True)
class Installation:
    """Result of an installation or of a switch to another version.

    Attributes:
        name: Name of the installed model.
        digest: SHA-256 of the current version.
        previous: SHA-256 of the version that was current before; empty if there was none.
        changed: Whether the current version is another one than before.
        interpreter: Name and version of the interpreter that proved the model; empty if nothing had to be proved.
        max_error: Largest deviation of a golden example; ``None`` if there are none.
        p50_ms: Median time of one prediction in milliseconds; ``None`` if it was not measured.
        release: Release number; ``None`` if the model has none.
    """

    name: str
    digest: str
    previous: str
    changed: bool
    interpreter: str = ""
    max_error: float | None = None
    p50_ms: float | None = None
    release: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for ``--json``."""
        return asdict(self)


@dataclass(frozen=True)
class _Proof:
    interpreter: str
    max_error: float | None
    p50_ms: float | None


def install(path: str | os.PathLike[str], name: str, options: InstallOptions | None = None) -> Installation:
    """Install a version of a model; the current version stays in place unless the new one passes every check.

    Args:
        path: A .tflite file.
        name: Name to install it under, for ``edgekit_runtime.load(name)``.
        options: What the version must show.
    Raises:
        UsageError: The name is invalid.
        ModelFileError: The file is damaged, is not signed with the key, has no golden examples, or is an older release
            than one that was installed.
        InterpreterError: This device's interpreter refuses the model or does not reproduce its golden examples.
        BelowThresholdError: A prediction takes longer than allowed.
        DataError: The disk is full or cannot be written.
        EdgekitError: The reload or health command fails; the version before is the current one again.
    """
    options = options or InstallOptions()
    slot = new_slot(name)
    content = read_model_file(path)
    digest = hashlib.sha256(content).hexdigest()
    _require_signatures(content, options)
    with slot.locked():
        previous = slot.current
        if digest == previous:
            return Installation(name, digest, previous, changed=False)
        with slot.incoming(content, digest) as place, load(place, interpreter=options.interpreter) as model:
            release = model.manifest.release
            _require_newer(slot, release, options)
            proof = _prove(model, content, options)
            slot.keep(place, digest)
        _switch(slot, digest, previous, options)
        slot.record("installed", digest, previous=previous, release=release, interpreter=proof.interpreter)
        _prune(slot, previous, options.keep)
    return Installation(name, digest, previous, True, proof.interpreter, proof.max_error, proof.p50_ms, release)


def roll_back(slot: Slot, options: InstallOptions | None = None) -> Installation:
    """Switch to the version that was installed before the current one, after it has proved itself again.

    Raises:
        UsageError: There is no earlier version.
        EdgekitError: The version does not pass its checks any more.
    """
    options = options or InstallOptions()
    with slot.locked():
        current = slot.current
        digest = _installed_before(slot, current)
        content = read_model_file(slot.path_of(digest))
        _require_signatures(content, options)
        with load(content, interpreter=options.interpreter) as model:
            release = model.manifest.release
            proof = _prove(model, content, options)
        _switch(slot, digest, current, options)
        slot.record("rolled back", digest, previous=current, release=release, interpreter=proof.interpreter)
    return Installation(slot.name, digest, current, True, proof.interpreter, proof.max_error, proof.p50_ms, release)


def _installed_before(slot: Slot, current: str) -> str:
    """The version that was current when the current one was installed, or, if it was deleted, the one before that."""
    kept = set(slot.digests())
    before = {event.digest: event.details.get("previous") for event in slot.events() if event.what == "installed"}
    # A power loss between the switch and the log leaves a current version that the log does not know.
    digest = before.pop(current) if current in before else next(reversed(before), None)
    while digest in before and digest not in kept:
        digest = before.pop(digest)
    if digest not in kept or digest == current:
        raise UsageError(
            f"There is no version of {slot.name} before the current one.",
            expected="an earlier version that is still kept",
            received=", ".join(each[:12] for each in slot.digests()) or "no version",
        )
    return str(digest)


def _require_signatures(content: bytes, options: InstallOptions) -> None:
    trusted = os.path.join(store_folder(), TRUSTED_KEY_NAME)
    keys = [options.public_key, trusted if os.path.lexists(trusted) else None]
    for key in keys:
        if key is not None:
            require_signature(content, key)


def _require_newer(slot: Slot, release: int | None, options: InstallOptions) -> None:
    """Refuse a release that is older than one that was installed here, because it may be an attack with an old file."""
    numbers = [event.details.get("release") for event in slot.events() if event.what == "installed"]
    # A power loss between the switch and the log leaves a current version that the log does not know.
    with contextlib.suppress(EdgekitError):
        numbers.append(read_manifest(read_model_file(slot.link)).release if slot.current else None)
    newest = max((number for number in numbers if type(number) is int), default=None)
    if newest is None or options.allow_older or (release is not None and release >= newest):
        return
    raise ModelFileError(
        f"The model is older than a version of {slot.name} that was installed here.",
        expected=f"release {newest} or later",
        received="no release number" if release is None else f"release {release}",
        next_step="install it with --allow-older if that is meant",
    )


def _prove(model: Model, content: bytes, options: InstallOptions) -> _Proof:
    max_error = None
    if GOLDEN_NAME in Parts(content).names or not options.allow_unproven:
        report = model.verify()
        report.require_passed()
        max_error = max(report.max_error)
    p50_ms = None
    if options.max_latency_ms is not None:
        from edgekit_runtime.device_benchmark import measure_latency

        p50_ms = measure_latency(model, _TIMED_RUNS, _WARM_UP_RUNS).p50_ms
        if not p50_ms <= options.max_latency_ms:
            raise BelowThresholdError(
                "A prediction takes longer on this device than allowed.",
                expected=f"at most {options.max_latency_ms:g} ms",
                received=f"{p50_ms:.3g} ms",
            )
    return _Proof(f"{model.interpreter} {model.interpreter_version}", max_error, p50_ms)


def _switch(slot: Slot, digest: str, previous: str, options: InstallOptions) -> None:
    """Make a version the current one, and return to the one before if the device's own commands fail."""
    slot.switch_to(digest)
    try:
        for command in (options.reload, options.health):
            _run(command, slot)
    except BaseException as error:
        slot.switch_to(previous)
        slot.record("switched back", previous, failed=digest, why=str(error))
        if options.reload:
            _run(options.reload, slot)
        raise


def _run(command: str, slot: Slot) -> None:
    """Run a command of the device's owner, without a shell, with the model's path in ``EDGEKIT_MODEL``."""
    words = shlex.split(command)
    if not words:
        return
    try:
        done = subprocess.run(
            words,
            env={**os.environ, "EDGEKIT_MODEL": slot.link},
            timeout=_COMMAND_SECONDS,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise EdgekitError(f"The command {command} could not be completed.", received=str(error)) from error
    if done.returncode:
        said = done.stdout.decode(errors="replace").strip()[-500:]
        raise EdgekitError(
            f"The command {command} failed, so the version before is the current one.",
            expected="exit code 0",
            received=f"exit code {done.returncode}" + (f": {said}" if said else ""),
        )


def _prune(slot: Slot, previous: str, keep: int) -> None:
    """Delete the oldest versions; the current one and the one before it are always kept."""
    kept = {slot.current, previous}
    old = [digest for digest in slot.digests() if digest not in kept]
    for digest in old[: max(0, len(old) + len(kept - {""}) - max(keep, 1))]:
        slot.delete(digest)
