"""The GitHub action, the CI samples and the pre-commit hook, run as far as a machine without GitHub can."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from edgekit.cli import cli
from edgekit_runtime.tflite.tflite_model import TfliteModel

ROOT = Path(__file__).resolve().parents[2]


def read(name: str) -> Any:
    return yaml.safe_load((ROOT / name).read_text())


@pytest.fixture(scope="session")
def committed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a small model, its configuration and its baseline."""
    import keras
    import numpy as np

    folder = tmp_path_factory.mktemp("project")
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, activation="softmax")])
    model.save(folder / "model.keras")
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 4)).astype(np.float32)
    np.savez(folder / "data.npz", x=x, y=x[:, :3].argmax(1))
    (folder / "edgekit.toml").write_text(
        'data = "data.npz"\n[thresholds]\nmax_slowdown = false\n[models.digits]\nfile = "model.tflite"\n'
    )
    for command in (
        ["convert", str(folder / "model.keras")],
        ["check", "--update-baseline", "--config", str(folder / "edgekit.toml")],
    ):
        result = CliRunner().invoke(cli, command)
        assert result.exit_code == 0, result.output
    return folder


@pytest.fixture
def project(committed: Path, tmp_path: Path) -> Path:
    """The project as a clone has it whose branch ``main`` holds all of it."""
    origin, folder = tmp_path / "origin", tmp_path / "project"
    shutil.copytree(committed, origin)
    git = [
        "git",
        "-c",
        "user.name=A",
        "-c",
        "user.email=a@example.org",
        "-c",
        "commit.gpgsign=false",
        "-C",
        str(origin),
    ]
    for arguments in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-qm", "models"]):
        subprocess.run([*git, *arguments], check=True)
    subprocess.run(["git", "clone", "-q", str(origin), str(folder)], check=True)
    return folder


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """An environment whose ``edgekit`` and ``python`` are those under test."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, command in (("edgekit", "-m edgekit"), ("python", "")):
        (programs / name).write_text(f'#!/bin/sh\nexec {sys.executable} {command} "$@"\n')
        (programs / name).chmod(0o755)
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith(("GITHUB_", "PYTEST_"))},
        "PATH": f"{programs}:{os.environ['PATH']}",
        "GITHUB_OUTPUT": str(tmp_path / "output"),
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md"),
        "GITHUB_ACTIONS": "true",
    }


def run_shell(script: str, folder: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    # As GitHub runs "shell: bash".
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment)


def make_worse(folder: Path) -> None:
    """Give the classes other names, which the gate refuses whatever the answers."""

    from edgekit_converters.packaging.artifact import pack, unpack
    from edgekit_runtime.packed_file.manifest import read_manifest

    content = (folder / "model.tflite").read_bytes()
    manifest = read_manifest(content)._replace(labels=("a", "b", "c"))
    (folder / "model.tflite").write_bytes(pack(unpack(TfliteModel(content)).model, manifest))


def test_the_actions_step_passes_and_fails_with_the_gate(
    project: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    action = read("action.yml")
    step = next(step for step in action["runs"]["steps"] if step.get("id") == "check")
    defaults = {name: str(value["default"]) for name, value in action["inputs"].items()}
    inputs = {
        variable: defaults[re.fullmatch(r"\$\{\{ inputs\.([\w-]+) \}\}", value)[1]]  # type: ignore[index]
        for variable, value in step["env"].items()
    } | {"EDGEKIT_BASELINE_REF": "refs/remotes/origin/main"}
    done = run_shell(step["run"], project, {**environment, **inputs})
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "output").read_text() == "passed=true\n"
    # The limits of the branch that it goes to judge a change, until somebody allows other ones.
    limits = (project / "edgekit.toml").read_text()
    (project / "edgekit.toml").write_text(limits.replace("[thresholds]", "[thresholds]\nmax_drop = 1.0"))
    done = run_shell(step["run"], project, {**environment, **inputs})
    assert done.returncode == 3
    assert "title=edgekit%3A digits%2C configuration max_drop::" in done.stdout
    done = run_shell(step["run"], project, {**environment, **inputs, "EDGEKIT_ALLOW_LOOSENING": "true"})
    assert done.returncode == 0, done.stdout + done.stderr
    (project / "edgekit.toml").write_text(limits)
    (tmp_path / "output").write_text("passed=true\n")
    assert (project / "edgekit-report" / "junit.xml").is_file()

    make_worse(project)
    # Names with spaces and shell signs stay names.
    odd = {"EDGEKIT_MODEL": "digits\n", "EDGEKIT_STRICT": "true", "EDGEKIT_REPORT": "a $(touch x) report"}
    done = run_shell(step["run"], project, {**environment, **inputs, **odd})
    assert done.returncode == 3
    assert "::error file=model.tflite,title=edgekit%3A digits%2C labels::" in done.stdout
    assert (tmp_path / "output").read_text() == "passed=true\npassed=false\n"
    assert "## edgekit check: failed" in (tmp_path / "summary.md").read_text()
    assert (project / "a $(touch x) report" / "junit.xml").is_file()
    assert not (project / "x").exists()


def test_the_action_is_well_formed() -> None:
    action = read("action.yml")
    assert action["runs"]["using"] == "composite"
    assert action["outputs"]["passed"]["value"] == "${{ steps.check.outputs.passed }}"
    for step in action["runs"]["steps"]:
        assert step["shell"] == "bash"
        # What users write never becomes part of a script.
        assert "${{" not in step["run"]
    used = set(re.findall(r"inputs\.([\w-]+)", (ROOT / "action.yml").read_text()))
    assert used == set(action["inputs"])


def test_the_github_sample_uses_the_action() -> None:
    workflow = read("samples/ci/github.yml")
    (job,) = workflow["jobs"].values()
    uses = [step["uses"] for step in job["steps"]]
    version = metadata.version("edgekit")
    assert f"OWNER/edgekit@v{version}" in uses
    # YAML 1.1 reads the key "on" as true.
    assert set(workflow[True]) == {"pull_request"}
    (with_action,) = (step["with"] for step in job["steps"] if step["uses"].startswith("OWNER/"))
    assert with_action["baseline-ref"].startswith("refs/remotes/origin/")
    assert set(with_action) <= set(read("action.yml")["inputs"])
    (checkout,) = (step["with"] for step in job["steps"] if step["uses"].startswith("actions/checkout@"))
    assert checkout["fetch-depth"] == 0


def test_the_gitlab_sample_runs(project: Path, environment: dict[str, str]) -> None:
    job = read("samples/ci/gitlab-ci.yml")["models"]
    variables = {"CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main", "BASELINE_REF": "refs/remotes/origin/main"}
    assert job["variables"]["BASELINE_REF"].endswith("/$CI_MERGE_REQUEST_TARGET_BRANCH_NAME")
    done = run_shell("\n".join(job["script"]), project, {**environment, **variables})
    assert done.returncode == 0, done.stdout + done.stderr
    assert (project / job["artifacts"]["reports"]["junit"]).is_file()


def test_the_pre_commit_hook_compares_digests_and_needs_no_data(project: Path, environment: dict[str, str]) -> None:
    (hook,) = read(".pre-commit-hooks.yaml")
    assert re.search(hook["files"], "models/digits.tflite")
    (project / "data.npz").unlink()
    done = run_shell(hook["entry"], project, environment)
    assert done.returncode == 0, done.stdout + done.stderr
    make_worse(project)
    done = run_shell(hook["entry"], project, environment)
    assert done.returncode == 3
    assert "edgekit check --update-baseline, and commit both" in done.stdout


def test_the_sample_of_a_test_runs(project: Path, environment: dict[str, str]) -> None:
    shutil.copy(ROOT / "samples" / "ci" / "test_models.py", project)
    installed = any(entry.value == "edgekit.pytest_plugin" for entry in metadata.entry_points(group="pytest11"))
    plugin = "" if installed else "-p edgekit.pytest_plugin"
    script = f"python -m pytest {plugin} -q -k no_worse test_models.py"
    done = run_shell(script, project, environment)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "edgekit: digits: passed" in done.stdout
