"""The device's end of a push dies at random moments: the old version or the new one is there, whole."""

from __future__ import annotations

import hashlib
import os
import random
import shlex
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import edgekit_runtime
from edgekit.deployment.push import PushOptions, push
from edgekit.devices.ssh import SshDevice
from edgekit_runtime.store.installation import InstallOptions, install
from edgekit_runtime.store.slot import Slot

from . import power_loss
from .conftest import store_of

Version = Callable[..., Path]


def require_whole(slot: Slot) -> None:
    """Every version has the digest of its name, and the current one is among them."""
    assert slot.current in slot.digests()
    for digest in slot.digests():
        assert hashlib.sha256(Path(slot.path_of(digest)).read_bytes()).hexdigest() == digest


def require_tidy(slot: Slot) -> None:
    """Nothing is left of interrupted transfers."""
    store = Path(slot.folder).parent
    assert [path for path in store.rglob("*") if path.name.startswith(".incoming") or path.suffix == ".part"] == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_push_killed_at_30_moments(version: Version, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old, content = version("old"), version("new").read_bytes()
    digest = hashlib.sha256(content).hexdigest()

    def fresh(number: int) -> Slot:
        monkeypatch.setenv("EDGEKIT_STORE", str(tmp_path / str(number)))
        install(old, "digits", InstallOptions())
        return Slot(str(tmp_path / str(number) / "digits"))

    fresh(0)
    lines = power_loss.lines_of(lambda: power_loss.Upload(content).push(digest, "digits"))
    moments = random.Random(16).sample(range(1, lines + 1), 30)
    # The end is where the versions are switched.
    outcomes = set()
    for number, line in enumerate([*moments, *range(lines - 20, lines, 4)], 1):
        slot = fresh(number)
        before = slot.current
        assert power_loss.killed_at(line, lambda: power_loss.Upload(content).push(digest, "digits"))
        require_whole(slot)
        assert slot.current in (before, digest)
        outcomes.add(slot.current == digest)
        part = Path(slot.folder).parent / ".transfers" / f"{digest}.part"
        arrived = len(content) if digest in slot.digests() else part.stat().st_size if part.exists() else 0
        again = power_loss.Upload(content)
        again.push(digest, "digits")
        assert (again.sent or 0) == len(content) - arrived
        assert edgekit_runtime.load("digits").labels[0] == "new"
        require_tidy(slot)

        if number % 5 == 0:
            assert power_loss.killed_at(number * 2, lambda slot=slot: power_loss.return_to_the_version_before(slot))  # type: ignore[misc]
            require_whole(slot)
            if slot.current == digest:
                power_loss.return_to_the_version_before(slot)
            assert edgekit_runtime.load("digits").labels[0] == "old"
    assert outcomes == {False, True}


@pytest.mark.parametrize("line", [30, 120, 200])
def test_a_device_behind_ssh_dies(line: int, start_device: Callable[[], SshDevice], version: Version) -> None:
    device = start_device()
    old, new = version("old"), version("new")
    push(old, [device], "digits", PushOptions())
    slot = Slot(str(store_of(device) / "digits"))
    before = slot.current
    dying = store_of(device).parent / "dying python"
    program = f"exec {shlex.quote(sys.executable)} {shlex.quote(power_loss.__file__)} {line}"
    dying.write_text(f'#!/bin/sh\n{program} "$@"\n')
    dying.chmod(0o755)
    (failed,) = push(new, [replace(device, python=str(dying))], "digits", PushOptions())
    assert "ended the command before it had answered" in failed.error
    require_whole(slot)
    assert slot.current in (before, hashlib.sha256(new.read_bytes()).hexdigest())
    (switch,) = push(new, [device], "digits", PushOptions())
    assert switch.passed
    assert edgekit_runtime.load(slot.link).labels[0] == "new"
    require_tidy(slot)
