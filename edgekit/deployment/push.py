"""``edgekit push``, ``status`` and ``rollback`` as functions."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from edgekit.deployment.device_runtime import malformed, run_json, run_with_reply
from edgekit.deployment.results import InstalledModel, Switch, failed_switch, models_from, switch_from
from edgekit.devices.ssh import SshDevice
from edgekit_runtime.errors import EdgekitError
from edgekit_runtime.packed_file.manifest import read_manifest
from edgekit_runtime.packed_file.model_file import read_model_file
from edgekit_runtime.store.slot import new_slot
from edgekit_runtime.tflite.structure import read_model_description

Result = TypeVar("Result")
#: Devices that are served at once; each takes an ssh and hardly any time of this machine.
_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class PushOptions:
    """What a version must show on a device, and what happens there afterwards.

    Attributes:
        max_latency_ms: Longest allowed median time of one prediction there in milliseconds; None for no limit.
        keep: Number of versions that a device keeps.
        allow_older: Whether a lower release number than before is accepted.
        allow_unproven: Whether a model without golden examples is accepted.
        reload: Command that makes the device's programs load the new version; empty for none.
        health: Command there that fails if the device does not work with the new version; empty for none.
    """

    max_latency_ms: float | None = None
    keep: int = 3
    allow_older: bool = False
    allow_unproven: bool = False
    reload: str = ""
    health: str = ""

    def arguments(self) -> list[str]:
        """The options of ``python -m edgekit_runtime install``."""
        limit = [] if self.max_latency_ms is None else ["--max-ms", repr(self.max_latency_ms)]
        flags = [flag for flag, is_set in (("--allow-older", self.allow_older),
                 ("--allow-unproven", self.allow_unproven)) if is_set]  # fmt: skip
        return [*limit, f"--keep={self.keep}", *flags, f"--reload={self.reload}", f"--health={self.health}"]


def push(
    model: Path,
    devices: Sequence[SshDevice],
    name: str,
    options: PushOptions,
    advance: Callable[[int], None] = lambda _: None,
) -> list[Switch]:
    """Send a model to devices, and install it on each after it has proved itself there.

    Args:
        model: A .tflite.
        devices: The devices; a failing one does not affect the others.
        name: Name to install it under.
        options: What the version must show.
        advance: Called with the number of bytes sent since the last call; a device that already has some of them counts
            these as sent.
    Returns:
        One result for each device, in their order.
    Raises:
        EdgekitError: The model or the name cannot be used; no device has been asked then.
    """
    content = read_for_push(model, name)
    digest = hashlib.sha256(content).hexdigest()
    arguments = ["receive", digest, str(len(content)), f"--name={name}", *options.arguments()]

    def push_to(device: SshDevice) -> Switch:
        sent = [0]

        def rest(first: dict[str, Any]) -> memoryview:
            have = first.get("have")
            if type(have) is not int or not 0 <= have <= len(content):
                raise malformed(device, f"{have!r:.60} bytes of {len(content):,}")
            sent[0] = len(content) - have
            advance(have)
            return memoryview(content)[have:]

        answer = run_with_reply(device, arguments, rest, advance)
        switch = _checked(device, answer, name, sent_bytes=sent[0])
        if switch.digest != digest:
            raise malformed(device, f"the digest {switch.digest[:60]}")
        return switch

    return _on_each(devices, push_to, failed_switch)


def read_for_push(model: Path, name: str) -> bytes:
    """The content of a model file, after the checks that need no device.

    Raises:
        EdgekitError: The model or the name cannot be used.
    """
    new_slot(name)
    content = read_model_file(model)
    read_model_description(content)
    read_manifest(content)
    return content


def roll_back(devices: Sequence[SshDevice], name: str) -> list[Switch]:
    """Return to the version before on each device; see :func:`push` for the results."""
    new_slot(name)
    return _on_each(
        devices,
        lambda device: _checked(device, run_json(device, ["rollback", name]), name),
        failed_switch,
    )


def read_status(devices: Sequence[SshDevice]) -> list[InstalledModel]:
    """What is installed on each device; a device that fails has one entry that says why."""

    def status_of(device: SshDevice) -> tuple[InstalledModel, ...]:
        answer = run_json(device, ["status"])
        try:
            return models_from(device.name, answer)
        except ValueError as error:
            raise malformed(device, str(error)) from error

    found = _on_each(devices, status_of, lambda name, error: (InstalledModel(name, error=error.problem),))
    return [model for models in found for model in models]


def _checked(device: SshDevice, answer: dict[str, Any], name: str, *, sent_bytes: int = 0) -> Switch:
    try:
        return switch_from(device.name, answer, name=name, sent_bytes=sent_bytes)
    except ValueError as error:
        raise malformed(device, str(error)) from error


def _on_each(
    devices: Sequence[SshDevice],
    ask: Callable[[SshDevice], Result],
    on_error: Callable[[str, EdgekitError], Result],
) -> list[Result]:
    """Ask several devices at once; the results have the order of the devices."""

    def result_of(device: SshDevice) -> Result:
        try:
            return ask(device)
        except EdgekitError as error:
            return on_error(device.name, error)

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(result_of, devices))
