"""Timing models in turn on a device, for decisions about models that will run there."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from edgekit.budget.request import BudgetOptions, budget_request
from edgekit.devices.device import PythonDevice
from edgekit.devices.timing import DeviceTimer
from edgekit.parity.latency import TimedRounds, median_latencies_ms
from edgekit_runtime.errors import EdgekitError, UsageError
from edgekit_runtime.tflite.tflite_model import TfliteModel

TFLITE = Path(__file__).resolve().parent.parent.parent / "data" / "tflite"
MODELS = [TFLITE / "cnn_float32.tflite", TFLITE / "many_operators.tflite"]
HERE = PythonDevice("a pi", Path(sys.executable))


@dataclass
class Answering:
    """A device that prints a text."""

    printed: str
    name: str = "a pi"

    def run(self, arguments: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
        assert arguments == ["time_in_turn.py", "2", "0", "model0.tflite"]
        assert {path.name for path in folder.iterdir()} >= {"edgekit_runtime", "time_in_turn.py", "model0.tflite"}
        return subprocess.CompletedProcess(arguments, 0, self.printed, "")


def test_models_have_their_turns_in_every_round() -> None:
    timed = DeviceTimer(HERE).rounds_s([path.read_bytes() for path in MODELS], rounds=3, seconds=0)
    assert timed.seconds.shape == (3, 2)
    assert (timed.seconds > 0).all()
    assert timed.machine.startswith("a pi, ")


def test_a_model_that_the_device_refuses_is_an_error() -> None:
    with pytest.raises(EdgekitError, match=r"a pi: This is not a \.tflite file|a pi: .*is not a \.tflite file"):
        DeviceTimer(HERE).rounds_s([b"nonsense"], rounds=1, seconds=0)


@pytest.mark.parametrize(
    "rounds", [[], [[1.0]], [[1.0, 2.0]] * 2, [[0.0]] * 2, [["x"]] * 2, [[1.0], []], {"a": 1}, None]
)
def test_a_device_that_sends_no_times_is_an_error(rounds: object) -> None:
    printed = json.dumps({"rounds_s": rounds, "machine": "armv7l", "interpreter": "litert 2.3.0"})
    with pytest.raises(EdgekitError, match="a pi sent an invalid response"):
        DeviceTimer(Answering(printed)).rounds_s([b"model"], rounds=2, seconds=0)


def test_medians_of_a_timer_replace_those_of_this_machine() -> None:
    class Fixed:
        name = "a pi"

        def rounds_s(self, models: Sequence[bytes], *, rounds: int, seconds: float) -> TimedRounds:
            assert list(models) == [path.read_bytes() for path in MODELS]
            return TimedRounds(np.array([[0.001, 0.009], [0.002, 0.008], [0.009, 0.007]]), "a pi")

    models = [TfliteModel(path.read_bytes()) for path in MODELS]
    assert median_latencies_ms(models, {}, timer=Fixed()) == [2.0, 8.0]


def test_a_device_is_for_auto_only() -> None:
    timer = DeviceTimer(HERE)
    with pytest.raises(UsageError, match="--device measures the models that auto selects from"):
        budget_request(BudgetOptions(max_drop=0.01, timer=timer), quantize="int8", data="digits")
    request = budget_request(BudgetOptions(timer=timer), quantize="auto", data="digits")
    assert request is not None
    assert request.timer is timer
