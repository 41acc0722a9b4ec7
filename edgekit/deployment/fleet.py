"""``edgekit push --inventory``: runs the playbook of a push with ansible-runner, and collects what hosts report."""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Any

from edgekit.deployment.playbook import MODEL_NAME, PLAYBOOK_NAME
from edgekit.jobs.process_tree import kill_descendants, process_tree
from edgekit_converters.temporary_folders import temporary_folder
from edgekit_runtime.errors import EdgekitError, UsageError

_INSTALL, _ROLL_BACK = "Install the model", "Roll the wave back"
_LONGEST_TEXT = 1000
_DIGEST = re.compile("[0-9a-f]{64}|")


class HostState(str, Enum):
    """What became of a host."""

    NOT_REACHED = "not reached"
    WAITING = "waiting"
    SWITCHED = "switched"
    UNCHANGED = "current already"
    WOULD_SWITCH = "would switch"
    FAILED = "failed"
    UNREACHABLE = "unreachable"
    ROLLED_BACK = "rolled back"


@dataclass(frozen=True, slots=True)
class FleetHost:
    """A host after a push.

    Attributes:
        host: Name of the host in the inventory.
        wave: Number of its wave, from 1; 0 if the push stopped before it.
        state: What became of it.
        digest: SHA-256 of its current version, as far as it is known; empty otherwise.
        previous: SHA-256 of the version before the push; empty if there was none or the host did not answer.
        interpreter: Interpreter that proved the model there.
        max_error: Largest deviation of a golden example there; None if it is unknown.
        p50_ms: Median time of one prediction there in milliseconds; None if it was not measured.
        sent_bytes: Number of bytes that were sent.
        error: What failed; empty if nothing did.
        next_step: What the user can do about it.
    """

    host: str
    wave: int = 0
    state: HostState = HostState.NOT_REACHED
    digest: str = ""
    previous: str = ""
    interpreter: str = ""
    max_error: float | None = None
    p50_ms: float | None = None
    sent_bytes: int = 0
    error: str = ""
    next_step: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain values."""
        return {**asdict(self), "state": self.state.value}


@dataclass(frozen=True, slots=True)
class FleetPush:
    """Result of a push to a fleet.

    Attributes:
        name: Name of the installed model.
        digest: SHA-256 of the model.
        waves: Number of waves that began.
        stopped: Whether a wave stopped, so that it was rolled back and no further wave began.
        hosts: The hosts in the order of the inventory.
    """

    name: str
    digest: str
    waves: int
    stopped: bool
    hosts: tuple[FleetHost, ...]

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain values."""
        hosts = [host.to_dict() for host in self.hosts]
        return {**asdict(self), "hosts": hosts}


def push_to_fleet(
    folder: Path,
    inventory: Path,
    name: str,
    *,
    forks: int,
    check: bool = False,
    show: Callable[[FleetPush], None] = lambda _: None,
) -> FleetPush:
    """Run the playbook of a push.

    Args:
        folder: What :func:`~edgekit.deployment.playbook.write_playbook` wrote.
        inventory: Inventory of Ansible.
        name: Name of the installed model.
        forks: Number of hosts that are served at once.
        check: Whether nothing is changed, in Ansible's check mode.
        show: Called with the state so far whenever a host reports something.
    Raises:
        UsageError: Ansible is not installed, or the inventory has no hosts.
        EdgekitError: Ansible could not run the playbook.
        KeyboardInterrupt: Ctrl-C was pressed; Ansible and its connections have been ended.
    """
    require_ansible()
    if not inventory.exists():
        raise UsageError("The inventory does not exist.", expected="an inventory of Ansible", received=str(inventory))
    with ansible_in_path():
        return _run(folder, inventory, name, forks=forks, check=check, show=show)


def _run(
    folder: Path, inventory: Path, name: str, *, forks: int, check: bool, show: Callable[[FleetPush], None]
) -> FleetPush:
    import ansible_runner

    digest = hashlib.sha256((folder / MODEL_NAME).read_bytes()).hexdigest()
    progress = _Progress(FleetPush(name, digest, 0, False, tuple(map(FleetHost, _hosts_of(inventory)))))
    show(progress.result)

    def handle(event: Mapping[str, Any]) -> bool:
        if progress.note(event):
            show(progress.result)
        return False

    with temporary_folder("fleet") as work, _ended_on_interrupt():
        run = ansible_runner.run(
            private_data_dir=str(work),
            project_dir=str(folder.resolve()),
            playbook=PLAYBOOK_NAME,
            inventory=str(inventory.resolve()),
            envvars=_environment(),
            forks=forks,
            cmdline="--check --diff" if check else None,
            event_handler=handle,
            cancel_callback=lambda: False,  # Without one, ansible-runner replaces the handlers of signals.
            quiet=True,
        )
        said = run.stdout.read()[-_LONGEST_TEXT:] if progress.result.waves == 0 else ""
    if progress.result.waves == 0:
        raise EdgekitError("Ansible could not run the playbook.", received=" ".join(said.split()) or run.status)
    return _without_open_hosts(progress.result)


def _without_open_hosts(push: FleetPush) -> FleetPush:
    """A push in which a host that began and then never reported its result has failed."""
    lost = "Ansible reported no result of this host."
    hosts = tuple(
        replace(host, state=HostState.FAILED, error=lost, next_step="run the same command again")
        if host.state is HostState.WAITING
        else host
        for host in push.hosts
    )
    return replace(push, hosts=hosts)


def require_ansible() -> None:
    """Raise UsageError if ansible-runner or ansible-core is not installed."""
    missing = [name for name in ("ansible", "ansible_runner") if importlib.util.find_spec(name) is None]
    if missing:
        raise UsageError(
            f"--inventory needs {' and '.join(missing)}, not installed here.", next_step="pip install 'edgekit[fleet]'"
        )


@contextmanager
def ansible_in_path() -> Iterator[None]:
    """Let ansible-runner find Ansible's programs also if the virtual environment has not been activated."""
    files = importlib.metadata.files("ansible-core") or []
    folders = [str(Path(str(file.locate())).resolve().parent) for file in files if file.name == "ansible-playbook"]
    before = os.environ.get("PATH", os.defpath)
    os.environ["PATH"] = os.pathsep.join([*folders, before])
    try:
        yield
    finally:
        os.environ["PATH"] = before


@contextmanager
def _ended_on_interrupt() -> Iterator[None]:
    """Kill what the block started if Ctrl-C interrupts it.

    Ansible's workers and their connections have sessions of their own, so they would go on.
    """
    before = set(process_tree(os.getpid()))
    try:
        yield
    except BaseException:
        kill_descendants(before)
        raise


def _environment() -> dict[str, str]:
    settings = Path("ansible.cfg")
    own = (
        {"ANSIBLE_CONFIG": str(settings.resolve())} if settings.is_file() and "ANSIBLE_CONFIG" not in os.environ else {}
    )
    return {"ANSIBLE_NOCOLOR": "1", "ANSIBLE_RETRY_FILES_ENABLED": "0", **own}


def _hosts_of(inventory: Path) -> list[str]:
    import ansible_runner

    listed, said = ansible_runner.get_inventory(
        "list", [str(inventory.resolve())], response_format="json", quiet=True, envvars=_environment()
    )
    variables = listed.get("_meta", {}).get("hostvars", {}) if isinstance(listed, dict) else {}
    groups = listed.values() if isinstance(listed, dict) else ()
    grouped = [host for group in groups if isinstance(group, dict) for host in group.get("hosts", ())]
    hosts = list(dict.fromkeys([*grouped, *variables]))
    if not hosts:
        raise UsageError(
            "The inventory has no hosts.", expected="an inventory of Ansible", received=said[-300:] or str(inventory)
        )
    return hosts


class _Progress:
    """Folds Ansible's events into the state of each host."""

    def __init__(self, start: FleetPush) -> None:
        self.result = start

    def note(self, event: Mapping[str, Any]) -> bool:
        """Take in an event; whether it changed anything."""
        data = event.get("event_data") or {}
        kind, before = event.get("event"), self.result
        if kind == "playbook_on_play_start":
            self.result = replace(before, waves=before.waves + 1)
        elif kind in ("runner_on_start", "runner_on_ok", "runner_on_failed", "runner_on_unreachable"):
            self._note_host(str(kind), data)
        return self.result != before

    def _note_host(self, kind: str, data: Mapping[str, Any]) -> None:
        task, result = data.get("task"), data.get("res") or {}
        if task == "Fail the wave" and kind == "runner_on_failed":
            self.result = replace(self.result, stopped=True)
        if task not in (_INSTALL, _ROLL_BACK):
            return
        update = {"runner_on_start": _started, "runner_on_ok": _succeeded}.get(kind, _failed)
        hosts = tuple(
            update(host, task, result, self.result.waves) if host.host == data.get("host") else host
            for host in self.result.hosts
        )
        self.result = replace(self.result, hosts=hosts)


def _started(host: FleetHost, task: str, _: Mapping[str, Any], wave: int) -> FleetHost:
    return replace(host, wave=wave, state=HostState.WAITING) if task == _INSTALL else host


def _succeeded(host: FleetHost, task: str, result: Mapping[str, Any], wave: int) -> FleetHost:
    digest, changed = _digest(result, "digest"), result.get("changed") is True
    if task == _ROLL_BACK:
        state = host.state if host.error or not changed else HostState.ROLLED_BACK
        return replace(host, state=state, digest=digest)
    is_checked = changed and "interpreter" not in result
    state = HostState.WOULD_SWITCH if is_checked else HostState.SWITCHED if changed else HostState.UNCHANGED
    return replace(
        host,
        wave=wave,
        state=state,
        digest=_digest(result, "previous") if is_checked else digest,
        previous=_digest(result, "previous"),
        interpreter=_text(result, "interpreter"),
        max_error=_number(result, "max_error"),
        p50_ms=_number(result, "p50_ms"),
        sent_bytes=int(_number(result, "sent_bytes") or 0),
    )


def _failed(host: FleetHost, task: str, result: Mapping[str, Any], wave: int) -> FleetHost:
    said = _text(result, "msg") or "no reason given"
    if task == _ROLL_BACK:
        return replace(host, error=f"{host.error} The rollback failed: {said}".strip(), state=HostState.FAILED)
    state = HostState.UNREACHABLE if result.get("unreachable") is True else HostState.FAILED
    previous = _digest(result, "previous")
    return replace(
        host,
        wave=wave,
        state=state,
        digest="" if state is HostState.UNREACHABLE else previous,
        previous=previous,
        error=said,
        next_step=_text(result, "next_step"),
    )


def _digest(result: Mapping[str, Any], name: str) -> str:
    value = _text(result, name)
    return value if _DIGEST.fullmatch(value) else ""


def _text(result: Mapping[str, Any], name: str) -> str:
    value = result.get(name)
    return value[:_LONGEST_TEXT] if isinstance(value, str) else ""


def _number(result: Mapping[str, Any], name: str) -> float | None:
    value = result.get(name)
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None
