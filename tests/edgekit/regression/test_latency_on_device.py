"""The latency rule, measured on the device that the models are for."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result

from edgekit.parity.latency import TimedRounds
from edgekit.regression.rules import latency_ratio
from edgekit.regression.rules.latency_ratio import latency_ratio_on

TFLITE = Path(__file__).resolve().parents[2] / "data" / "tflite"
Check = Callable[..., Result]


class Pi:
    """A device on which candidates take a fifth of the reference's time."""

    name = "a pi"

    def rounds_s(self, models: Sequence[bytes], *, rounds: int, seconds: float) -> TimedRounds:
        assert models[0] == b"candidate"
        assert len(models[1]) > 1000
        return TimedRounds(np.array([[0.001, 0.005]] * rounds), "a pi, aarch64, litert 2.3.0")


def test_the_ratio_is_that_of_the_device() -> None:
    measured = latency_ratio_on(Pi(), b"candidate", "built-in float32")
    assert (measured.low, measured.ratio, measured.high) == (0.2, 0.2, 0.2)
    assert (measured.p50_ms, measured.reference) == (1.0, "built-in float32")
    assert measured.machine == "a pi, aarch64, litert 2.3.0"


def test_the_gate_measures_and_judges_there(tmp_path: Path, check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(latency_ratio, "_SECONDS", 0)
    np.savez(tmp_path / "data.npz", x=np.random.default_rng(5).normal(size=(60, 4)).astype(np.float32))
    shutil.copy(TFLITE / "dense_float32.tflite", tmp_path / "model.tflite")
    (tmp_path / "edgekit.toml").write_text(
        'data = "data.npz"\n[models.m]\nfile = "model.tflite"\nthresholds = {max_slowdown = 20}'
    )
    result = check(tmp_path, "--update-baseline", "--device", sys.executable)
    assert result.exit_code == 0, result.output
    record = json.loads((tmp_path / "edgekit-baseline.json").read_text())["models"]["m"]
    assert record["latency"]["machine"].startswith(f"{sys.executable}, ")
    result = check(tmp_path, "--device", sys.executable, "--json")
    assert result.exit_code == 0, result.output
    (rule,) = [rule for rule in json.loads(result.stdout)["models"][0]["rules"] if rule["rule"] == "latency"]
    assert rule["verdict"] == "passed"
    assert f"ms on {sys.executable}, " in rule["measured"]


def test_an_emulated_device_is_refused(tmp_path: Path, check: Check) -> None:
    (tmp_path / "edgekit.toml").write_text('data = "data.npz"\n[models.m]\nfile = "model.tflite"\n')
    result = check(tmp_path, "--update-baseline", "--device", "pi-arm64")
    assert result.exit_code == 2
    assert "is emulated" in result.output
