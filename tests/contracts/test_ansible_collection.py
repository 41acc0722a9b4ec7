"""The Ansible collection passes Ansible's own checks."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from edgekit.deployment.fleet import ansible_in_path

ROOT = Path(__file__).resolve().parents[2]
#: Sanity tests that run without packages of their own; the others download pip into a virtual environment.
SANITY_TESTS = (
    *("compile", "empty-init", "ignores", "line-endings", "no-assert", "no-get-exception", "no-illegal-filenames"),
    *("no-smart-quotes", "replace-urlopen", "shebang", "symlinks", "use-argspec-type-path", "use-compat-six"),
)


@pytest.fixture
def collection(tmp_path: Path) -> Path:
    """A copy in a folder as Ansible wants it."""
    folder = tmp_path / "ansible_collections" / "edgekit" / "fleet"
    shutil.copytree(ROOT / "fleet" / "ansible", folder, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def run(module: str, collection: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    if importlib.util.find_spec(module) is None or importlib.util.find_spec("ansible") is None:
        pytest.skip(f"{module} or Ansible is not installed: pip install ansible-core ansible-lint")
    with ansible_in_path():
        environment = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(collection.parents[2])}
    return subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=collection,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_ansible_lint_finds_nothing(collection: Path) -> None:
    done = run("ansiblelint", collection, "--nocolor")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "'production' was required, and it passed" in done.stderr


def test_ansible_sanity_tests_pass(collection: Path) -> None:
    python = f"{sys.version_info[0]}.{sys.version_info[1]}"
    chosen = [part for name in SANITY_TESTS for part in ("--test", name)]
    done = run("ansible", collection, "test", "sanity", "--python", python, "--color", "no", *chosen)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("Running sanity test") + done.stderr.count("Running sanity test") == len(SANITY_TESTS)
