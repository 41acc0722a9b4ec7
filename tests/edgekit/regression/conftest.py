"""A project with a model and its baseline, and ways to check it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from edgekit.cli import cli

CONFIGURATION = """
data = "digits"
[thresholds]
max_slowdown = false
[models.digits]
file = "model.tflite"
"""


def check(folder: Path, *arguments: str) -> Result:
    """Run ``edgekit check`` on a folder's ``edgekit.toml``."""
    return CliRunner().invoke(cli, ["check", "--config", str(folder / "edgekit.toml"), *arguments])


@pytest.fixture(name="check")
def check_fixture() -> Callable[..., Result]:
    return check


@pytest.fixture
def configuration() -> str:
    return CONFIGURATION


@pytest.fixture
def project(variants_folder: Path, tmp_path: Path) -> Path:
    """A folder with the int8 model and a baseline of it."""
    shutil.copy(variants_folder / "model-int8.tflite", tmp_path / "model.tflite")
    (tmp_path / "edgekit.toml").write_text(CONFIGURATION)
    result = check(tmp_path, "--update-baseline")
    assert result.exit_code == 0, result.output
    return tmp_path


@pytest.fixture
def failed_rules() -> Callable[..., set[str]]:
    """A function that gives the names of the rules that fail; the exit code must fit."""

    def run(folder: Path, *arguments: str) -> set[str]:
        result = check(folder, "--json", *arguments)
        report = json.loads(result.stdout)
        failed = {rule["rule"] for rule in report["models"][0]["rules"] if rule["verdict"] == "failed"}
        assert result.exit_code == (3 if failed else 0)
        assert report["passed"] is not bool(failed)
        return failed

    return run


@pytest.fixture(scope="session")
def hasty_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The int8 form of a model of another seed, trained for one epoch."""
    folder = tmp_path_factory.mktemp("hasty")
    for command in (
        ["train", "--epochs", "1", "--seed", "1", "--no-augment", "--output", str(folder)],
        ["convert", str(folder / "model.h5"), "--quantize", "int8", "--data", "digits"],
    ):
        result = CliRunner().invoke(cli, command)
        assert result.exit_code == 0, result.output
    return folder / "model-int8.tflite"
