"""``edgekit bench --explain`` and ``edgekit bench`` on a device, on models that are slow for one reason."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from edgekit.cli import cli
from edgekit.devices import timing
from edgekit.devices.device import PythonDevice
from edgekit_runtime.errors import EdgekitError

SLOW_MODELS = Path(__file__).resolve().parent.parent.parent / "data" / "slow_models"
MODEL = SLOW_MODELS / "outside_xnnpack.tflite"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["bench", *map(str, arguments)])


@pytest.fixture
def pi(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A Python of this machine in place of every device; the list names those that were asked for."""
    asked: list[str] = []

    def find(where: str) -> PythonDevice:
        asked.append(where)
        return PythonDevice("pi@host", Path(sys.executable))

    monkeypatch.setattr(timing, "find_timed_device", find)
    return asked


def test_an_explanation_as_json_and_as_a_page(tmp_path: Path) -> None:
    page = tmp_path / "slow.html"
    result = run(MODEL, "--explain", "--threads", "1", "--html", page, "--json")
    assert result.exit_code == 0, result.output
    (model,) = json.loads(result.stdout)["models"]
    assert model["model"] == str(MODEL)
    assert [operator["name"] for operator in model["operators"]] == ["CONV_2D", "HARD_SWISH"] * 2 + ["CONV_2D"]
    assert [each["num_threads"] for each in model["threads"]] == [1]
    html = page.read_text(encoding="utf-8")
    assert html.count("<svg") == 1
    assert "HARD_SWISH int8" in html
    assert "<script" not in html


def test_a_device_explains_and_is_named(pi: list[str]) -> None:
    result = run("ssh:pi@host", MODEL, "--explain", "--threads", "1")
    assert result.exit_code == 0, result.output
    assert pi == ["ssh:pi@host"]
    assert "outside_xnnpack.tflite on pi@host: " in result.output
    for text in ("HARD_SWISH int8", "groups in XNNPACK", "Causes"):
        assert text in result.output


def test_latency_is_measured_on_the_device(pi: list[str]) -> None:
    result = run("--device", "ssh:pi@host", MODEL, "--runs", "3", "--warmup", "0", "--json")
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert (report["device"], pi) == ("pi@host", ["ssh:pi@host"])
    assert report["models"][0]["runs"] == 3
    assert report["models"][0]["p50_ms"] > 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["ssh:pi@host"], "at least one model"),
        (["ssh:pi@host", "--device", "here", MODEL], "one device at most"),
        ([MODEL, "--html", "a.html"], "--html does nothing without --explain"),
        ([MODEL, "--explain", "--runs", "5"], "--explain and --runs contradict"),
        (["--device", "pi-arm64", MODEL], "is emulated"),
        (["ssh:-oProxyCommand=x", MODEL], "not an SSH device"),
    ],
)
def test_wrong_usage(arguments: list[object], message: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert message in result.output


def test_a_device_that_sends_something_else_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "_bench", lambda *_: {"interpreter": "litert", "operators": [{}]})
    device = PythonDevice("pi@host", Path(sys.executable))
    with pytest.raises(EdgekitError, match="pi@host sent an invalid response"):
        timing.explain_on(device, MODEL, threads=(1,))
    with pytest.raises(EdgekitError, match="pi@host sent an invalid response"):
        timing.latency_on(device, MODEL, runs=1, warmup=0, threads=1)
