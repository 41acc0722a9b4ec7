"""A model's golden examples verified on a device."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner

from edgekit.cli import cli
from edgekit.devices.device import this_machine
from edgekit.devices.golden_verification import verify_golden_on
from edgekit_runtime.errors import EdgekitError

WITHOUT_GOLDEN = Path(__file__).resolve().parents[2] / "data" / "tflite" / "dense_float32.tflite"


@dataclass(frozen=True)
class AnswersTheOpposite:
    """A device whose interpreter gives one minus each probability."""

    name: str = "a contrary device"

    def run(self, arguments: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
        program = (
            "import sys, json, numpy, edgekit_runtime\n"
            "from edgekit_runtime.packed_file import golden\n"
            "model = edgekit_runtime.load('model.tflite')\n"
            "answers = model.predict\n"
            "model.predict = lambda batch: 1 - answers(batch)\n"
            "report = golden.replay(model, golden.read_golden(open('model.tflite', 'rb').read()), "
            "model.manifest.preprocessing)\n"
            "print(json.dumps(report.to_dict()))\n"
        )
        return this_machine().run(["-c", program], folder)


def test_passes_here_and_fails_where_answers_are_wrong(variants_folder: Path) -> None:
    model = variants_folder / "model-int8.tflite"
    right = verify_golden_on(this_machine(), model)
    assert right.passed and right.top1_equal == right.examples > 0
    wrong = verify_golden_on(AnswersTheOpposite(), model)
    assert not wrong.passed
    assert wrong.max_error > 0.5 > wrong.tolerance
    result = CliRunner().invoke(cli, ["devices", "verify", "here", str(model), "--json"])
    assert result.exit_code == 0
    (replay,) = json.loads(result.stdout)["replays"]
    assert replay["device"] == "this machine"


def test_a_model_without_them_is_a_sentence() -> None:
    with pytest.raises(EdgekitError, match="this machine: The model has no golden examples") as error:
        verify_golden_on(this_machine(), WITHOUT_GOLDEN)
    assert "edgekit pack" in error.value.next_step


def test_a_missing_file_is_a_sentence() -> None:
    result = CliRunner().invoke(cli, ["devices", "verify", "here", "missing.tflite"])
    assert result.exit_code == 1
    assert "missing.tflite does not exist" in result.output
