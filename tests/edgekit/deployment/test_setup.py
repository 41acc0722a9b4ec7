"""A device is made ready: which packages it gets, and a real one behind an OpenSSH server."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edgekit.deployment.push import PushOptions, push, read_status
from edgekit.deployment.setup import set_up
from edgekit.deployment.wheels_for_device import DeviceFacts, packages_for
from edgekit.devices.emulation.commands import DeviceUnavailableError
from edgekit.devices.ssh import SshDevice
from edgekit_runtime.errors import EdgekitError

PI = {"python": [3, 11], "machine": "aarch64", "is_64_bit": True, "glibc": [2, 36], "has_numpy": False}


def facts(**changes: Any) -> DeviceFacts:
    return DeviceFacts.from_answer({**PI, "free_bytes": 10**9, **changes})


@pytest.mark.parametrize(
    ("changes", "wheels", "debian"),
    [
        ({}, ("ai-edge-litert>=2.1", "numpy>=1.26"), ()),
        ({"machine": "x86_64"}, ("ai-edge-litert>=2.1", "numpy>=1.26"), ()),
        ({"python": [3, 9]}, ("tflite-runtime>=2.14", "numpy<2"), ()),
        ({"machine": "armv7l", "is_64_bit": False}, ("tflite-runtime>=2.14",), ("python3-numpy",)),
        ({"machine": "armv7l", "is_64_bit": False, "has_numpy": True}, ("tflite-runtime>=2.14",), ()),
        # A 32-bit Raspberry Pi OS on a 64-bit kernel.
        ({"is_64_bit": False, "has_numpy": True, "python": [3, 13]}, ("pymicro-wakeword>=2.5",), ()),
    ],
    ids=["arm64", "x86-64", "old python", "armhf", "armhf with numpy", "trixie armhf"],
)
def test_packages_by_device(changes: dict[str, Any], wheels: tuple[str, ...], debian: tuple[str, ...]) -> None:
    chosen = packages_for(facts(**changes))
    assert (chosen.wheels, chosen.debian) == (wheels, debian)
    assert "manylinux_2_36_" + facts(**changes).machine in chosen.platforms
    assert not any("2_37" in tag for tag in chosen.platforms)


@pytest.mark.parametrize("changes", [{"glibc": []}, {"machine": "riscv64"}, {"python": [3, 7]}])
def test_a_device_without_an_interpreter_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(EdgekitError, match="No interpreter has wheels"):
        packages_for(facts(**changes))


@pytest.mark.parametrize(
    "changes", [{"python": "3.11"}, {"python": [3]}, {"glibc": [2, -1]}, {"machine": 3}, {"free_bytes": "1"}]
)
def test_facts_are_not_trusted(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"version|Python|free bytes"):
        facts(**changes)


def test_a_device_without_anything_runs_models_afterwards(
    start_device: Callable[[], SshDevice], version: Callable[..., Path]
) -> None:
    python = (
        shutil.which(f"python3.{sys.version_info[1]}", path="/usr/bin:/usr/local/bin")
        or sys.base_prefix + "/bin/python3"
    )
    device = replace(start_device(), python=python)
    bare = subprocess.run(device.ssh_command(f"{python} -c 'import edgekit_runtime'"), capture_output=True)
    assert bare.returncode != 0
    sent: list[int] = []
    try:
        ready = set_up(device, lambda size: sent.append)
    except DeviceUnavailableError as error:
        pytest.skip(f"no wheels could be fetched: {error.problem} {error.received}")
    assert ready.interpreter.startswith("litert ")
    assert sum(sent) == ready.sent_bytes
    # From now on the launcher is found without being named.
    device = replace(device, python="python3")
    (switch,) = push(version("first"), [device], "digits", PushOptions())
    assert (switch.error, switch.interpreter) == ("", ready.interpreter)
    assert [model.name for model in read_status([device])] == ["digits"]
