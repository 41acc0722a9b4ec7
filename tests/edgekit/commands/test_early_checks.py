"""What can be checked without the model is checked before it is loaded."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from edgekit.cli import cli

DATA = Path(__file__).resolve().parents[2] / "data"
KERAS = DATA / "keras_eras"
TFLITE = DATA / "tflite" / "cnn_float32.tflite"


@pytest.mark.parametrize(
    ("data", "exit_code", "message"),
    [
        (["--data", "missing.npz"], 1, "There is no data set missing.npz"),
        (["--data", "digits", "--label-column", "y"], 2, "--label-column applies to tables only"),
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


@pytest.mark.parametrize("name", ["keras1_theano_images_th.h5", "tf24_convolutions.h5", "tf215_zip_convolutions.keras"])
def test_labels_of_another_number_come_before_lowering(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_arguments: object, **_options: object) -> None:
        raise AssertionError("lowering began")

    monkeypatch.setattr("edgekit.conversion.source.LoweringProcess", never)
    labels = tmp_path / "labels.txt"
    labels.write_text("zero\none\n")
    result = CliRunner().invoke(cli, ["convert", str(KERAS / name), "--labels", str(labels)])
    assert result.exit_code == 2
    assert "expected: 3 labels, one per class" in result.stderr
    assert "2 labels" in result.stderr
