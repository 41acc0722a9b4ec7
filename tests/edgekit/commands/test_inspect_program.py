"""``edgekit inspect`` on a PyTorch program, without PyTorch."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner

from edgekit.cli import cli

PROGRAMS = Path(__file__).resolve().parents[2] / "data" / "exported_programs"


def shown(*arguments: str) -> str:
    result = CliRunner().invoke(cli, ["inspect", *arguments], env={"COLUMNS": "200"})
    assert result.exit_code == 0, result.output
    return result.output


def test_operators_sizes_and_layout_are_shown() -> None:
    lines = [" ".join(line.split()) for line in shown(str(PROGRAMS / "cnn.pt2")).splitlines()]
    assert "conv2d 1" in lines
    assert "input image: any × 3 × 8 × 8 float32" in lines
    assert "output output: any × 5 float32" in lines
    assert "parameters 154" in lines
    assert any(line.startswith("note image takes channels first") for line in lines)


def test_json_holds_the_warning_of_a_training_mode() -> None:
    described = json.loads(shown(str(PROGRAMS / "training.pt2"), "--json"))
    assert described["inputs"] == [{"name": "image", "shape": [2, 3, 8, 8], "dtype": "float32"}]
    assert "training mode (batch_norm, dropout)" in described["notes"][0]
