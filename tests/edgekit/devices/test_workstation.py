"""What ``edgekit doctor`` finds on this machine."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from edgekit.cli import cli
from edgekit.devices import workstation
from edgekit_runtime.interpreters import tflite_c
from edgekit_runtime.interpreters.c_library import PATH_VARIABLE


def _checks(*arguments: str) -> tuple[int, dict[str, dict[str, object]]]:
    result = CliRunner().invoke(cli, ["doctor", "--json", *arguments])
    return result.exit_code, {check["name"]: check for check in json.loads(result.stdout)["checks"]}


def test_everything_a_conversion_needs_is_here() -> None:
    exit_code, checks = _checks()
    assert exit_code == 0
    assert [name for name, check in checks.items() if check["status"] not in {"ok", "slow", "not installed"}] == []
    assert list(checks)[:4] == ["Python", "edgekit-runtime", "edgekit-converters", "numpy"]
    assert "torch" not in checks
    assert checks["Python"]["found"] == ".".join(map(str, sys.version_info[:3]))


def test_an_aim_requires_its_own_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    absent = workstation._Package("no-such-package-anywhere", "", "pip install 'edgekit[torch]'")
    monkeypatch.setattr(workstation, "_PACKAGES", ())
    monkeypatch.setitem(workstation._FOR_AIMS, "torch", (absent,))
    exit_code, checks = _checks("--for", "torch")
    assert exit_code == 1
    assert checks[absent.name]["status"] == "missing"
    assert checks[absent.name]["fix"] == "pip install 'edgekit[torch]'"


def test_a_missing_program_names_its_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(workstation, "_PACKAGES", ())
    monkeypatch.setenv("PATH", str(tmp_path))
    exit_code, checks = _checks("--for", "device")
    assert exit_code == 1
    assert checks["ssh"] == {
        "name": "ssh", "status": "missing", "found": "", "fix": "apt install openssh-client", "required": True,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("proof", "found"),
    [
        ("import no_such_module_anywhere", "No module named 'no_such_module_anywhere'"),
        ("import os; os.abort()", "the import crashes (signal 6)"),
    ],
)
def test_a_package_that_does_not_import_is_broken(proof: str, found: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workstation, "_PACKAGES", (workstation._Package("numpy", proof, "pip install numpy"),))
    exit_code, checks = _checks()
    assert exit_code == 1
    assert checks["numpy"]["status"] == "broken"
    assert found in str(checks["numpy"]["found"])


def test_slowness_is_named_and_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workstation, "_PACKAGES", (workstation._Package("numpy", "import numpy", ""),))
    monkeypatch.setattr(workstation, "_SLOW_IMPORT_S", 0)
    monkeypatch.setattr(workstation.os, "sched_getaffinity", lambda _process: {0}, raising=False)
    exit_code, checks = _checks()
    assert exit_code == 0
    assert [checks[name]["status"] for name in ("numpy", "processors")] == ["slow", "slow"]
    assert "imported in" in str(checks["numpy"]["found"])


def test_the_choices_of_the_command_are_the_aims() -> None:
    from edgekit.commands.doctor import command

    option = next(parameter for parameter in command.params if parameter.name == "aim")
    assert tuple(option.type.choices) == workstation.AIMS


def test_the_c_library_is_named_with_its_version(monkeypatch: pytest.MonkeyPatch) -> None:
    path = tflite_c.find()
    if path is None:
        pytest.skip("the TensorFlow Lite C library is not installed")
    monkeypatch.setattr(workstation, "_PACKAGES", ())
    check = _checks()[1]["tflite-c"]
    assert (check["status"], check["found"]) == ("ok", f"{tflite_c.open_interpreter(path).version}, {path}")


def test_a_broken_c_library_is_named_and_not_required(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    library = tmp_path / "libtensorflowlite_c.so"
    library.write_bytes(b"not a library")
    monkeypatch.setattr(workstation, "_PACKAGES", ())
    monkeypatch.setenv(PATH_VARIABLE, str(library))
    exit_code, checks = _checks()
    assert exit_code == 0
    assert checks["tflite-c"]["status"] == "broken"
    assert str(checks["tflite-c"]["found"]).startswith(f"{library}: The TensorFlow Lite C library cannot be used.")
    assert checks["tflite-c"]["fix"] == tflite_c.INSTALL
