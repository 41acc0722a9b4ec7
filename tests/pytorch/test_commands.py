"""From a PyTorch program to a .tflite that is judged against it, by the commands."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from PIL import Image
from torch import nn

import edgekit_runtime
from edgekit.cli import cli
from edgekit_runtime.packed_file.golden import read_golden

PROGRAMS = Path(__file__).resolve().parents[1] / "data" / "exported_programs"


def run(*arguments: object, code: int = 0) -> Result:
    result = CliRunner().invoke(cli, list(map(str, arguments)))
    assert result.exit_code == code, result.output
    return result


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty small colour images in five classes."""
    folder = tmp_path_factory.mktemp("images")
    rng = np.random.default_rng(0)
    for number in range(60):
        place = folder / f"class{number % 5}"
        place.mkdir(exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (8, 8, 3), np.uint8)).save(place / f"{number}.png")
    return folder


@pytest.mark.parametrize("layout", [(), ("--channels-last",)], ids=["channels first", "channels last"])
def test_int8_is_calibrated_packed_and_judged(layout: tuple[str, ...], images: Path, tmp_path: Path) -> None:
    path = tmp_path / "cnn.tflite"
    run("convert", PROGRAMS / "cnn.pt2", "--quantize", "int8", "--data", images, "--output", path, *layout)
    model = edgekit_runtime.load(path, verify=True)
    assert model.inputs[0].shape == ((-1, 8, 8, 3) if layout else (-1, 3, 8, 8))
    (answer,) = model.classify([images / "class0" / "0.png"])
    assert answer.label in model.labels == tuple(f"class{number}" for number in range(5))
    golden = read_golden(path.read_bytes())
    assert golden.inputs[0].shape[1:] == (8, 8, 3)
    # PyTorch's own outputs.
    np.testing.assert_allclose(golden.outputs[0], golden.keras[0], atol=0.02)
    assert not np.array_equal(golden.outputs[0], golden.keras[0])
    judged = json.loads(run("validate", PROGRAMS / "cnn.pt2", path, "--data", images, "--everything", "--json").stdout)
    assert judged["data"]["samples"] == 60
    assert 0 < judged["agreement"]["max_absolute_difference"] < 0.02


def test_a_quantized_model_that_is_larger_than_the_float_one_is_said(tmp_path: Path) -> None:
    class Recurrent(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lstm = nn.LSTM(4, 8, batch_first=True)

        def forward(self, steps: torch.Tensor) -> torch.Tensor:
            return self.lstm(steps)[0][:, -1]

    program = torch.export.export(Recurrent().eval(), (torch.rand(1, 12, 4),))
    torch.export.save(program, tmp_path / "lstm.pt2")
    result = run("convert", tmp_path / "lstm.pt2", "--quantize", "int8", "--random-calibration")
    assert "Warning: int8 makes this model larger" in result.stderr


def test_a_training_mode_export_is_warned_of(tmp_path: Path) -> None:
    result = run("convert", PROGRAMS / "training.pt2", "--output", tmp_path / "training.tflite")
    assert "Warning: the model was exported in training mode (batch_norm, dropout)" in result.stderr
    assert "channels first" in result.stdout
