"""A trained reference CNN and its converted variants, made once by the commands themselves."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from edgekit.cli import cli


@pytest.fixture(scope="session", autouse=True)
def _no_progress_lines() -> Iterator[None]:
    """Lines on stderr come after seconds: what a test compares must not depend on the machine's speed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("edgekit.progress.SECONDS_BETWEEN_LINES", 3600.0)
        yield


@pytest.fixture(scope="session")
def trained_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What ``edgekit train`` leaves after five epochs on the built-in digits."""
    folder = tmp_path_factory.mktemp("trained")
    result = CliRunner().invoke(cli, ["train", "--epochs", "5", "--no-augment", "--output", str(folder)])
    assert result.exit_code == 0, result.output
    return folder


@pytest.fixture(scope="session")
def variants_folder(trained_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What ``edgekit convert --all`` makes of it."""
    folder = tmp_path_factory.mktemp("variants")
    arguments = ["convert", str(trained_folder / "model.h5"), "--all", "--data", "digits", "--output", str(folder)]
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 0, result.output
    return folder
