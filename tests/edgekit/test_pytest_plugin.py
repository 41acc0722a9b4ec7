"""The pytest plugin, in pytest runs of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from click.testing import CliRunner

from edgekit.cli import cli
from edgekit_converters.packaging.artifact import pack, unpack
from edgekit_runtime.packed_file.manifest import read_manifest
from edgekit_runtime.tflite.tflite_model import TfliteModel

INSTALLED = any(entry.value == "edgekit.pytest_plugin" for entry in metadata.entry_points(group="pytest11"))

TESTS = """
import sys
import pytest

@pytest.mark.edgekit(model="digits")
def test_by_name(edgekit_parity):
    edgekit_parity.require_passed()
    assert {rule.rule for rule in edgekit_parity.rules} >= {"accuracy", "size", "integrity"}

@pytest.mark.edgekit(model="digits", max_drop=0.1)
def test_own_limit(edgekit_parity):
    assert "at most 10 points" in edgekit_parity.rules[0].allowed
    assert edgekit_parity.passed

@pytest.mark.edgekit(model="digits")
def test_model(edgekit_model):
    assert edgekit_model.labels[3] == "3"

def test_no_tensorflow():
    assert "tensorflow" not in sys.modules
"""


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    plugin = [] if INSTALLED else ["-p", "edgekit.pytest_plugin"]
    command = [sys.executable, "-m", "pytest", *plugin, "-p", "no:cacheprovider", "-q", *arguments]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment)


@pytest.fixture(scope="session")
def baseline(variants_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("plugin")
    shutil.copy(variants_folder / "model-int8.tflite", folder / "model.tflite")
    (folder / "edgekit.toml").write_text(
        'data = "digits"\n[thresholds]\nmax_slowdown = false\n[models.digits]\nfile = "model.tflite"\n'
    )
    result = CliRunner().invoke(cli, ["check", "--update-baseline", "--config", str(folder / "edgekit.toml")])
    assert result.exit_code == 0, result.output
    return folder


@pytest.fixture
def project(baseline: Path, tmp_path: Path) -> Path:
    shutil.copytree(baseline, tmp_path, dirs_exist_ok=True)
    (tmp_path / "test_models.py").write_text(TESTS)
    return tmp_path


def test_fixtures_marker_and_summary(project: Path) -> None:
    done = run(project, "--strict-markers", "--junitxml", "report.xml")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 passed" in done.stdout
    assert "edgekit: digits: passed" in done.stdout
    assert '<property name="edgekit" value="digits: passed"' in (project / "report.xml").read_text()
    assert "edgekit(model, data=" in run(project, "--markers").stdout


def test_with_two_workers(project: Path) -> None:
    done = run(project, "-n", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 passed" in done.stdout
    assert done.stdout.count("edgekit: digits: passed") == 1


def test_a_worse_model_fails_its_test_and_an_update_accepts_it(project: Path, variants_folder: Path) -> None:
    content = (project / "model.tflite").read_bytes()
    labels = tuple("abcdefghij")
    (project / "model.tflite").write_bytes(
        pack(unpack(TfliteModel(content)).model, read_manifest(content)._replace(labels=labels))
    )
    done = run(project, "-k", "by_name")
    assert done.returncode == 1
    assert "digits is worse than its baseline allows." in done.stdout
    assert "labels: 10 labels, allowed: the baseline's labels" in done.stdout
    assert "edgekit: digits: failed (labels)" in done.stdout
    updated = run(project, "-n", "2", "--edgekit-update", "-k", "by_name or own_limit")
    assert updated.returncode == 0, updated.stdout
    assert "edgekit: digits: updated" in updated.stdout
    assert json.loads((project / "edgekit-baseline.json").read_text())["models"]["digits"]["labels"] == list(labels)
    assert run(project, "-k", "by_name").returncode == 0


def test_a_model_without_a_configuration(baseline: Path, tmp_path: Path) -> None:
    shutil.copy(baseline / "model.tflite", tmp_path / "model.tflite")
    (tmp_path / "test_it.py").write_text(
        "import pytest\n"
        '@pytest.mark.edgekit(model="model.tflite", data="digits", max_slowdown=False)\n'
        "def test_it(edgekit_parity):\n    edgekit_parity.require_passed()\n"
    )
    first = run(tmp_path)
    assert first.returncode == 1
    assert "There is no baseline" in first.stdout
    assert run(tmp_path, "--edgekit-update").returncode == 0
    assert run(tmp_path).returncode == 0


@pytest.mark.parametrize(
    ("marker", "problem"),
    [
        ("", "has no marker"),
        ("@pytest.mark.edgekit", "names no model"),
        ('@pytest.mark.edgekit(model="digits", max_dropp=1)', "did you mean max_drop?"),
        ('@pytest.mark.edgekit(model="digits", max_drop=7)', "less than or equal to 1"),
    ],
    ids=["no-marker", "no-model", "unknown-limit", "wrong-limit"],
)
def test_a_wrong_marker_is_told(marker: str, problem: str, project: Path) -> None:
    (project / "test_models.py").write_text(f"import pytest\n{marker}\ndef test_it(edgekit_parity): pass\n")
    done = run(project)
    assert done.returncode == 1
    assert problem in done.stdout


def test_a_run_that_uses_nothing_of_it_imports_nothing(tmp_path: Path) -> None:
    (tmp_path / "test_empty.py").write_text(
        "import sys\n\n"
        "def test_it():\n"
        "    print(sorted(name for name in sys.modules if '.' not in name))\n"
        "    assert 0\n"
    )

    def modules(*arguments: str) -> set[str]:
        printed = run(tmp_path, *arguments).stdout
        return set(json.loads(next(line for line in printed.splitlines() if line.startswith("['")).replace("'", '"')))

    added = modules() - modules("-p", "no:edgekit", *([] if INSTALLED else ["-p", "no:edgekit.pytest_plugin"]))
    assert added <= {"edgekit"}
    assert "numpy" not in modules()
