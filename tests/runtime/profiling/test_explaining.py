"""Measuring small models: which numbers come out is not tested, only that they are of every operator."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edgekit_runtime.__main__ import main
from edgekit_runtime.interpreters.choosing import choose_interpreter
from edgekit_runtime.profiling import operator_times
from edgekit_runtime.profiling.explaining import explain
from edgekit_runtime.tflite.tflite_model import TfliteModel

SLOW_MODELS = Path(__file__).resolve().parent.parent.parent / "data" / "slow_models"


@pytest.fixture(autouse=True)
def few_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """A measurement of three runs."""
    monkeypatch.setattr(operator_times, "_FEWEST_RUNS", 3)
    monkeypatch.setattr(operator_times, "_MOST_RUNS", 3)


def test_every_operator_is_timed_and_placed() -> None:
    model = TfliteModel((SLOW_MODELS / "outside_xnnpack.tflite").read_bytes())
    choice = choose_interpreter()
    explanation = explain(model, choice, [1, 2])
    assert [operator.name for operator in explanation.operators] == ["CONV_2D", "HARD_SWISH"] * 2 + ["CONV_2D"]
    assert all(operator.ms is not None for operator in explanation.operators)
    assert explanation.whole_ms > 0
    assert [each.num_threads for each in explanation.threads] == [1, 2]
    assert explanation.operators[0].weights == "int8 per channel"
    if choice.name == "litert":
        assert [operator.in_xnnpack for operator in explanation.operators] == [True, False, True, False, True]
        assert explanation.partitions == 3


def test_loops_and_state_are_explained(tflite_folder: Path) -> None:
    for name in ("lstm_batch1", "fused_lstm_batch1"):
        explanation = explain(TfliteModel((tflite_folder / f"{name}.tflite").read_bytes()), choose_interpreter(), [1])
        assert any(operator.ms is not None for operator in explanation.operators)


def test_the_command_line_explains(capsys: pytest.CaptureFixture[str]) -> None:
    path = SLOW_MODELS / "outside_xnnpack.tflite"
    assert main(["bench", str(path), "--explain", "--threads", "1"]) == 0
    assert "HARD_SWISH int8 tensor_4" in capsys.readouterr().out
    assert main(["bench", str(path), "--explain", "--threads", "1", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["operators"]) == 5
