"""``python -m edgekit_runtime install | status | rollback | list | remove``."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from edgekit_runtime.__main__ import main

Version = Callable[..., Path]
Capture = pytest.CaptureFixture[str]


def run(capsys: Capture, *arguments: str) -> tuple[int, str]:
    code = main(list(arguments))
    captured = capsys.readouterr()
    return code, captured.out + captured.err


@pytest.mark.usefixtures("store")
def test_from_install_to_remove(version: Version, capsys: Capture) -> None:
    code, text = run(capsys, "install", str(version("first", release=1)), "--name", "digits", "--max-ms", "60000")
    assert (code, text.partition(":")[0]) == (0, "digits")
    assert " ms\n" in text
    code, text = run(capsys, "install", str(version("first", release=1)), "--name", "digits")
    assert (code, "is current already" in text) == (0, True)
    code, text = run(capsys, "install", str(version("second", release=2)), "--name", "digits", "--json")
    second = json.loads(text)
    assert (code, second["changed"], second["release"]) == (0, True, 2)

    code, text = run(capsys, "status", "--json")
    (status,) = json.loads(text)["models"]
    assert (code, status["name"], status["digest"], status["release"], status["versions"], status["passed"]) == (
        0,
        "digits",
        second["digest"],
        2,
        2,
        True,
    )
    code, text = run(capsys, "list", "digits")
    assert text.splitlines() == [second["previous"], f"{second['digest']}  current"]
    assert run(capsys, "verify", "digits")[0] == 0

    code, text = run(capsys, "remove", "digits", "--version", second["digest"][:8])
    assert (code, "is the current one" in text) == (2, True)
    assert run(capsys, "rollback", "digits", "--json")[0] == 0
    assert run(capsys, "status", "digits", "--verify")[1].startswith(f"digits: {second['previous'][:12]}, release 1, ")
    assert run(capsys, "remove", "digits", "--version", second["digest"][:8])[0] == 0
    assert run(capsys, "remove", "digits")[0] == 0
    assert run(capsys, "status") == (0, "")


@pytest.mark.usefixtures("store")
def test_exit_codes_of_failures(version: Version, capsys: Capture) -> None:
    good, bad = str(version("good")), str(version("bad", error=1.0))
    assert run(capsys, "install", bad, "--name", "digits")[0] == 1
    assert run(capsys, "install", good, "--name", "../digits")[0] == 2
    assert run(capsys, "install", good, "--name", "digits", "--max-ms", "1e-9")[0] == 3
    for command in ("rollback", "list", "remove", "status"):
        code, text = run(capsys, command, "digits")
        assert (code, "No model called 'digits' is installed" in text) == (2, True)


def test_status_reports_damage(store: Path, version: Version, capsys: Capture) -> None:
    main(["install", str(version("good")), "--name", "digits"])
    (path,) = (store / "digits" / "versions").iterdir()
    path.unlink()
    with (store / "digits" / "log.jsonl").open("ab") as log:
        log.write(b'\n{"time": "cut o\n[1]\n{"time": 1, "what": 2, "digest": 3}\n')
    capsys.readouterr()
    code, text = run(capsys, "status")
    assert (code, "is missing" in text) == (3, True)
