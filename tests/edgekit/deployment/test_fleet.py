"""Push to a fleet in waves: Ansible, and real OpenSSH servers with homes and stores of their own."""

from __future__ import annotations

import hashlib
import json
import shlex
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from edgekit.deployment.fleet import FleetPush, HostState, push_to_fleet
from edgekit.deployment.playbook import Waves, write_playbook
from edgekit.deployment.push import PushOptions
from edgekit.devices.ssh import SshDevice
from edgekit_runtime.errors import UsageError

from .conftest import store_of

pytest.importorskip("ansible_runner")
pytest.importorskip("ansible")
OPTIONS = PushOptions()


@pytest.fixture(scope="module")
def fleet(start_device: Callable[[], SshDevice]) -> list[SshDevice]:
    return [start_device() for _ in range(20)]


def write_inventory(folder: Path, devices: list[SshDevice]) -> Path:
    path = folder / "the fleet's hosts.json"
    hosts = {
        f"device{number:02}": {
            "ansible_host": "127.0.0.1",
            "ansible_port": int(device.options[1]),
            "ansible_ssh_common_args": shlex.join([*device.options[2:], "-o", "ControlMaster=no"]),
            "model_python": device.python,
        }
        for number, device in enumerate(devices)
    }
    path.write_text(json.dumps({"all": {"hosts": hosts}}))
    return path


def digest_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def current_digests(devices: list[SshDevice], name: str) -> list[str]:
    """The digests of the files that are current, computed from the files."""
    links = [store_of(device) / name / "current" for device in devices]
    return [digest_of(link) if link.exists() else "" for link in links]


def push(folder: Path, model: Path, inventory: Path, waves: Waves, *, check: bool = False) -> FleetPush:
    write_playbook(folder, model, "digits", OPTIONS, waves)
    return push_to_fleet(folder, inventory, "digits", forks=10, check=check)


def test_twenty_devices_in_waves(
    fleet: list[SshDevice], version: Callable[..., Path], wrong_golden: bytes, tmp_path: Path
) -> None:
    first, second, wrong = version("first"), version("second"), version("wrong", content=wrong_golden)
    inventory = write_inventory(tmp_path, fleet)
    done = push(tmp_path / "a", first, inventory, Waves(("1", "10%", "100%")))
    assert [host.error for host in done.hosts] == [""] * 20
    assert ({host.state for host in done.hosts}, done.stopped) == ({HostState.SWITCHED}, False)
    assert [host.wave for host in done.hosts] == [1, 2, 2, *[3] * 17]
    assert [host.sent_bytes for host in done.hosts] == [first.stat().st_size] * 20
    assert current_digests(fleet, "digits") == [digest_of(first)] * 20
    # Check mode says what it would do, and changes nothing.
    done = push(tmp_path / "b", second, inventory, Waves(("100%",)), check=True)
    assert {(host.state, host.previous) for host in done.hosts} == {(HostState.WOULD_SWITCH, digest_of(first))}
    assert current_digests(fleet, "digits") == [digest_of(first)] * 20
    # The first wave stops, and the others do not begin.
    done = push(tmp_path / "c", wrong, inventory, Waves(("1", "100%")))
    assert (done.stopped, done.waves) == (True, 1)
    assert [host.state for host in done.hosts] == [HostState.FAILED, *[HostState.NOT_REACHED] * 19]
    assert "golden examples" in done.hosts[0].error


def test_a_wave_with_failures_is_rolled_back_and_a_second_run_finishes(
    fleet: list[SshDevice], version: Callable[..., Path], tmp_path: Path
) -> None:
    devices = fleet[:6]
    old, new = version("old"), version("new")
    inventory = write_inventory(tmp_path, devices)
    assert not push(tmp_path / "a", old, inventory, Waves(("100%",))).stopped
    size = new.stat().st_size
    # One has no room for the model, one is not there, one dies when its transfer arrives.
    transfers = store_of(devices[1]) / ".transfers"
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4k", "none", str(transfers)], check=True)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    killer = tmp_path / "python"
    killer.write_text(
        '#!/bin/sh\ncase "$*" in *receive*) head -c 100 >/dev/null; kill -9 $PPID;; '
        f'*) exec {sys.executable} "$@";; esac\n'
    )
    killer.chmod(0o755)
    hosts = json.loads(inventory.read_text())
    hosts["all"]["hosts"]["device03"]["ansible_port"] = port
    hosts["all"]["hosts"]["device04"]["model_python"] = str(killer)
    broken = tmp_path / "broken.json"
    broken.write_text(json.dumps(hosts))
    try:
        done = push(tmp_path / "b", new, broken, Waves(("100%",)))
    finally:
        subprocess.run(["umount", str(transfers)], check=True)
    states = [host.state for host in done.hosts]
    assert done.stopped
    assert [states[n] for n in (0, 2, 5)] == [HostState.ROLLED_BACK] * 3
    assert (states[1], states[3]) == (HostState.FAILED, HostState.UNREACHABLE)
    assert states[4] in (HostState.FAILED, HostState.UNREACHABLE)
    assert "No space left" in done.hosts[1].error
    assert current_digests(devices, "digits") == [digest_of(old)] * 6
    # Now that they are repaired, a second run finishes; what was rolled back is not sent again.
    done = push(tmp_path / "c", new, inventory, Waves(("100%",)))
    assert ({host.state for host in done.hosts}, done.stopped) == ({HostState.SWITCHED}, False)
    assert [host.sent_bytes for host in done.hosts] == [0, size, 0, size, size, 0]
    assert current_digests(devices, "digits") == [digest_of(new)] * 6
    done = push(tmp_path / "d", new, inventory, Waves(("100%",)))
    assert {(host.state, host.sent_bytes) for host in done.hosts} == {(HostState.UNCHANGED, 0)}


@pytest.mark.parametrize("text", ["", "0", "101%", "1,,2", "-1", "x", "1;2"])
def test_waves_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="list of waves"):
        Waves.parse_sizes(text)


def test_a_folder_with_other_files_is_not_written_to(version: Callable[..., Path], tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("")
    with pytest.raises(UsageError, match="not empty"):
        write_playbook(tmp_path, version("first"), "digits", OPTIONS, Waves())
