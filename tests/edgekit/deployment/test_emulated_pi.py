"""An emulated Raspberry Pi behind a real OpenSSH server, without a network: setup, push, status, rollback.

It takes minutes and fetches wheels, so it runs by hand only, with the Pis built by ``edgekit devices create``:
``EDGEKIT_TEST_EMULATED_SSH=1 pytest tests/edgekit/deployment/test_emulated_pi.py``.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from edgekit.deployment.device_runtime import SETUP_PYTHON
from edgekit.deployment.push import PushOptions, push, read_status, roll_back
from edgekit.deployment.setup import set_up
from edgekit.devices.emulation.catalogue import KINDS
from edgekit.devices.emulation.emulated_pi import find
from edgekit.devices.ssh import SshDevice

from .conftest import store_of

#: Runs a program in a network of its own, which has no way out.
_OFFLINE = ["unshare", "--net"]


def _can_go_offline() -> bool:
    return shutil.which("unshare") is not None and subprocess.run([*_OFFLINE, "true"], check=False).returncode == 0


@pytest.mark.skipif("EDGEKIT_TEST_EMULATED_SSH" not in os.environ, reason="EDGEKIT_TEST_EMULATED_SSH is not set")
@pytest.mark.parametrize(
    ("name", "machine", "interpreter"),
    [("pi-arm64", "aarch64", "litert"), ("pi-armhf", "armv7l", "tflite-runtime")],
)
def test_a_pi_without_a_network(
    name: str, machine: str, interpreter: str, start_device: Callable[[], SshDevice], version: Callable[..., Path]
) -> None:
    pi = find(KINDS[name])
    if pi is None:
        pytest.skip(f"{name} is not built: edgekit devices create {name}")
    device = start_device()
    store = store_of(device)
    offline = " ".join(_OFFLINE) if _can_go_offline() else ""
    python = store.parent / "python"
    python.write_text(f'#!/bin/sh\nexec {offline} "{pi.launcher.resolve()}" "$@"\n')
    python.chmod(0o755)
    ready = set_up(replace(device, python=str(python)))
    assert (ready.machine, ready.interpreter.partition(" ")[0]) == (machine, interpreter)
    # What push uses if the user names no Python.
    own = replace(device, python="python3")
    assert os.access(store.parent / SETUP_PYTHON, os.X_OK)
    first, second = version("first"), version("second")
    for path in (first, second):
        (switch,) = push(path, [own], "digits", PushOptions())
        assert (switch.error, switch.sent_bytes) == ("", path.stat().st_size)
        assert switch.interpreter.startswith(interpreter)
    (status,) = read_status([own])
    assert (status.error, status.passed, status.digest) == ("", True, hashlib.sha256(second.read_bytes()).hexdigest())
    (switch,) = roll_back([own], "digits")
    assert (switch.error, switch.digest) == ("", hashlib.sha256(first.read_bytes()).hexdigest())
