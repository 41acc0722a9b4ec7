"""Push to a fleet in waves: Ansible, and real OpenSSH servers with homes and stores of their own."""

from __future__ import annotations

import hashlib
import json
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from edgekit.deployment.fleet import FleetHost, FleetPush, HostState, push_to_fleet
from edgekit.deployment.playbook import Waves, write_playbook
from edgekit.deployment.push import PushOptions
from edgekit.devices.ssh import SshDevice
from edgekit.jobs.process_tree import process_tree
from edgekit.reports.fleet import write_fleet_report
from edgekit.reports.terminal.fleet import FleetProgress
from edgekit_runtime.errors import UsageError

from .conftest import store_of

pytest.importorskip("ansible_runner")
pytest.importorskip("ansible")
OPTIONS = PushOptions()


@pytest.fixture(scope="module")
def fleet(start_device: Callable[[], SshDevice]) -> list[SshDevice]:
    return [start_device() for _ in range(20)]


def write_inventory(folder: Path, devices: list[SshDevice], pythons: Mapping[int, str] | None = None) -> Path:
    """Write an inventory.

    Args:
        folder: Folder for the inventory.
        devices: The hosts.
        pythons: Another Python for some of them, by their numbers.
    """
    path, pythons = folder / "the fleet's hosts.json", pythons or {}
    connections = Path(store_of(devices[0])).parent / "cp"
    hosts = {
        f"device{number:02}": {
            "ansible_host": "127.0.0.1",
            "ansible_port": int(device.options[1]),
            # A shared connection of an earlier test run would lead to the server that had the same port then.
            "ansible_control_path_dir": str(connections),
            "ansible_ssh_common_args": shlex.join(device.options[2:]),
            "model_python": pythons.get(number, device.python),
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


def run_edgekit(model: Path, inventory: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "edgekit", "push", model, "--name", "cli", "--inventory", inventory, *arguments]
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)


def test_the_command_reports_checks_and_stops(
    fleet: list[SshDevice], version: Callable[..., Path], tmp_path: Path
) -> None:
    devices, first, second = fleet[:2], version("first"), version("second")
    inventory, report = write_inventory(tmp_path, devices), tmp_path / "fleet's report.json"
    done = run_edgekit(first, inventory, "--waves", "1")
    assert done.returncode == 0
    assert done.stderr == "1/2 device00: switched\n2/2 device01: switched\n"
    # Check mode says which version would replace which one, and changes nothing.
    done = run_edgekit(second, inventory, "--waves", "1", "--check", "--report", report)
    assert (done.returncode, done.stderr) == (0, "1/2 device00: would switch\n2/2 device01: would switch\n")
    assert f"version {digest_of(second)[:12]}: 2 would switch" in done.stdout
    said = json.loads(report.read_text())
    assert (said["digest"], said["waves"]) == (digest_of(second), 2)
    assert [(host["state"], host["digest"]) for host in said["hosts"]] == [("would switch", digest_of(first))] * 2
    assert current_digests(devices, "cli") == [digest_of(first)] * 2
    # One of two may fail.
    broken = write_inventory(tmp_path, devices, {1: "/bin/false"})
    done = run_edgekit(second, broken, "--waves", "100%", "--max-fail-percentage", 50, "--json")
    assert done.returncode == 1
    said = json.loads(done.stdout)
    assert (said["stopped"], [host["state"] for host in said["hosts"]]) == (False, ["switched", "failed"])
    assert current_digests(devices, "cli") == [digest_of(second), digest_of(first)]
    # None may fail: the other one returns to the version before.
    done = run_edgekit(version("third"), broken, "--waves", "100%", "--report", report)
    assert done.returncode == 3
    said = json.loads(report.read_text())
    assert (said["stopped"], [host["state"] for host in said["hosts"]]) == (True, ["rolled back", "failed"])
    assert said["hosts"][0]["digest"] == digest_of(second)
    assert "could not run the command" in said["hosts"][1]["error"]
    assert current_digests(devices, "cli") == [digest_of(second), digest_of(first)]


def test_the_written_playbook_runs_without_edgekit(
    fleet: list[SshDevice], version: Callable[..., Path], tmp_path: Path
) -> None:
    devices, model = fleet[2:3], version("first")
    write_playbook(tmp_path / "a folder", model, "plain", OPTIONS, Waves())

    def play(*options: str) -> str:
        command = [sys.executable, "-m", "ansible", "playbook", "-i", str(inventory), "a folder/push.yml", *options]
        done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
        return re.sub(r"\x1b\[[0-9;]*m", "", done.stdout)

    inventory = write_inventory(tmp_path, devices)
    said = play("--check", "--diff")
    assert f"-no version\n+{digest_of(model)}" in said
    assert "changed=1 " in said
    assert current_digests(devices, "plain") == [""]
    assert "changed=1 " in play()
    assert current_digests(devices, "plain") == [digest_of(model)]
    assert "changed=0 " in play("--diff")


ROLE = """
- hosts: all
  gather_facts: false
  roles:
    - role: edgekit.fleet.runtime
"""


def test_the_role_runtime_makes_a_device_ready(
    fleet: list[SshDevice], version: Callable[..., Path], tmp_path: Path
) -> None:
    wheels = tmp_path / "its wheels"
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", str(wheels)]
    subprocess.run([*command, str(Path(__file__).parents[3] / "runtime")], check=True)
    write_playbook(tmp_path / "pb", version("first"), "digits", OPTIONS, Waves())
    (tmp_path / "pb" / "setup.yml").write_text(ROLE)
    inventory = write_inventory(tmp_path, fleet[4:5])
    hosts = json.loads(inventory.read_text())
    hosts["all"]["vars"] = {
        "ansible_python_interpreter": sys.executable,
        "ansible_ssh_transfer_method": "piped",
        "runtime_python": sys.executable,
        "runtime_packages": ["--no-deps", "edgekit-runtime"],
        "runtime_wheels": str(wheels),
    }
    inventory.write_text(json.dumps(hosts))
    environment = store_of(fleet[4]).parent / ".local/share/edgekit/python"

    def play(*options: str) -> str:
        command = [sys.executable, "-m", "ansible", "playbook", "-i", str(inventory), "pb/setup.yml", *options]
        return subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path).stdout

    play("--check")
    assert not environment.exists()
    play()
    assert list(environment.glob("lib/python3*/site-packages/edgekit_runtime/__main__.py"))
    assert re.search(r"changed=0\b", play())


@pytest.mark.skipif(sys.platform != "linux", reason="reads the processes from /proc")
def test_ctrl_c_ends_ansible_and_its_connections(
    fleet: list[SshDevice], version: Callable[..., Path], tmp_path: Path
) -> None:
    device, model = fleet[3], version("first")
    begun, ended, python = tmp_path / "begun", tmp_path / "ended", tmp_path / "python"
    python.write_text(
        f'#!/bin/sh\ncase "$*" in *receive*) touch {shlex.quote(str(begun))}; sleep 30; '
        f'touch {shlex.quote(str(ended))}; exit 1;; *) exec {shlex.quote(sys.executable)} "$@";; esac\n'
    )
    python.chmod(0o755)
    inventory = write_inventory(tmp_path, [device], {0: str(python)})
    command = [sys.executable, "-m", "edgekit", "push", model, "--name", "stopped", "--inventory", inventory]
    # A shell that runs the tests in the background ignores SIGINT, and so would the command.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    run = subprocess.Popen(list(map(str, command)), stderr=subprocess.PIPE, text=True, start_new_session=True)
    signal.signal(signal.SIGINT, before)
    while not begun.exists():
        assert run.poll() is None
        time.sleep(0.05)
    started = set(process_tree(run.pid)) - {run.pid}
    run.send_signal(signal.SIGINT)
    _, said = run.communicate(timeout=60)
    assert run.returncode == 1
    assert said.splitlines() == [
        "Each host has the version before or the new one; the same command goes on.",
        "Interrupted. Files that were there before are unchanged.",
    ]
    assert len(started) > 2
    while any(is_running(pid) for pid in started):
        time.sleep(0.05)
    assert not ended.exists()
    assert current_digests([device], "stopped") == [""]


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


STOPPED = FleetPush(
    "digits",
    "a" * 64,
    1,
    True,
    (
        FleetHost("kitchen", 1, HostState.ROLLED_BACK, "b" * 64, "b" * 64, "litert 2.3.0"),
        FleetHost("<garage>", 1, HostState.FAILED, error="The disk is full.\nReally.", next_step="make room"),
        FleetHost("attic"),
    ),
)


def test_the_report_says_who_runs_what_and_what_failed(tmp_path: Path) -> None:
    write_fleet_report(STOPPED, tmp_path / "fleet.html")
    page = (tmp_path / "fleet.html").read_text()
    for text in (
        "What failed",
        "&lt;garage&gt;",
        "The disk is full.",
        "make room",
        "b" * 12,
        "wave 1 stopped",
        "attic",
    ):
        assert text in page
    assert "<garage>" not in page


def test_a_live_table_shows_failed_hosts_first(monkeypatch: pytest.MonkeyPatch) -> None:
    progress = FleetProgress()
    progress.show(STOPPED)
    title, rows = progress.read()
    assert title == "digits: 2 of 3 hosts, wave 1"
    garage, kitchen = ("<garage>", "1", "failed: The disk is full."), ("kitchen", "1", "rolled back")
    assert rows == [garage, kitchen, ("attic", "", "")]
    monkeypatch.setenv("LINES", "8")
    assert progress.read()[1] == [garage, ("2 more", "", "")]
