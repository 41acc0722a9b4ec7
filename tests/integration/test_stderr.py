"""What the libraries below have to say stays off the stderr of a command that goes well."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest


def not_edgekits(*arguments: object) -> list[str]:
    """The lines on a command's stderr that edgekit did not write."""
    command = [sys.executable, "-m", "edgekit", *map(str, arguments)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    # The untrained model predicts at chance, which is reported; on a slow machine lines of progress are printed.
    own = re.compile(r"Warning: .*|Wrote .*|.* s (so far|left)")
    return [line for line in done.stderr.splitlines() if not own.fullmatch(line)]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from edgekit.training.reference_cnn import build

    path = tmp_path_factory.mktemp("quiet") / "model.h5"
    build((28, 28, 1), 10).save(path)
    return path


@pytest.mark.parametrize("mode", ["none", "int8", "int16x8", "auto"])
def test_convert_and_judge(mode: str, model: Path, tmp_path: Path) -> None:
    output = tmp_path / "model.tflite"
    assert not_edgekits("convert", model, "-o", output, "--quantize", mode, "--data", "digits") == []
    assert not_edgekits("validate", model, output, "--data", "digits", "--layers") == []
    assert not_edgekits("verify", output) == []
