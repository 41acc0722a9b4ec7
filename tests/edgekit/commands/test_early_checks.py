"""What can be checked without the model is checked before it is loaded."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from edgekit.cli import cli

TFLITE = Path(__file__).resolve().parents[2] / "data" / "tflite" / "cnn_float32.tflite"


@pytest.mark.parametrize(
    ("data", "exit_code", "message"),
    [
        (["--data", "missing.npz"], 1, "There is no data set missing.npz"),
        (["--data", "digits", "--label-column", "y"], 2, "--label-column goes with a table only"),
    ],
    ids=["missing data", "no table"],
)
@pytest.mark.parametrize("command", [["convert", "--quantize", "int8"], ["validate", str(TFLITE)]], ids=lambda c: c[0])
def test_data_comes_before_the_model(
    command: list[str], data: list[str], exit_code: int, message: str, tmp_path: Path
) -> None:
    model = tmp_path / "model.h5"
    model.write_bytes(b"not a model")
    result = CliRunner().invoke(cli, [command[0], str(model), *command[1:], *data])
    assert result.exit_code == exit_code
    assert message in result.stderr
