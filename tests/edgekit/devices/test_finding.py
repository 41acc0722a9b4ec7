"""What may stand for a device on the command line, and what a wrong name gets."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from edgekit.cli import cli
from edgekit.devices.emulation.catalogue import KINDS
from edgekit.devices.finding import find_devices
from edgekit.devices.ssh import SshDevice
from edgekit_runtime.errors import UsageError

MODEL = str(Path(__file__).resolve().parents[2] / "data" / "tflite" / "cnn_int8_io_float32.tflite")


def test_here_and_another_python() -> None:
    (here,) = find_devices("here")
    (other,) = find_devices(sys.executable)
    assert (here.name, other.name) == ("this machine", sys.executable)


@pytest.mark.parametrize(
    ("text", "device"),
    [
        ("ssh:pi@raspberrypi.local", SshDevice("pi@raspberrypi.local")),
        ("ssh:camera:/home/pi/venv/bin/python", SshDevice("camera", "/home/pi/venv/bin/python")),
    ],
)
def test_over_ssh(text: str, device: SshDevice) -> None:
    assert find_devices(text) == [device]


@pytest.mark.parametrize("text", ["ssh:", "ssh:-oProxyCommand=x", "ssh:a b", "pi-riscv", "/no/such/python"])
def test_no_such_device(text: str) -> None:
    with pytest.raises(UsageError):
        find_devices(text)


@pytest.mark.parametrize(
    ("arguments", "exit_code", "sentence"),
    [
        (["pi-armhf", MODEL, "--random"], 1, "edgekit devices create pi-armhf"),
        (["pi-armhf", MODEL, "--random", "--cpu", "max"], 2, "choose the processor of a real Pi"),
        (["here", MODEL, "--random", "--cpu", "cortex-a7"], 2, "--cpu is only for emulated Pis"),
        (["here", MODEL], 2, "either --data or --random"),
        (["here", MODEL, "--data", "digits", "--random"], 2, "either --data or --random"),
        (["here", MODEL, "--data", "digits"], 1, "does not fit"),
        (["here", "missing.tflite", "--random"], 1, "missing.tflite does not exist"),
        (["here", MODEL, "--random", "--samples", "20"], 0, "20 inputs, against this machine"),
    ],
    ids=["not built", "no Pi's processor", "processor of this machine", "nothing asked", "both", "unfit data",
         "no model", "well"],
)  # fmt: skip
def test_check(arguments: list[str], exit_code: int, sentence: str, tmp_path: Path) -> None:
    result = CliRunner(env={"EDGEKIT_CACHE": str(tmp_path)}).invoke(cli, ["devices", "check", *arguments])
    assert result.exit_code == exit_code, result.output
    assert sentence in result.output


def test_the_wheels_are_those_of_the_constraints() -> None:
    pins = (Path(__file__).resolve().parents[3] / "constraints.txt").read_text().splitlines()
    for wheel in KINDS["pi-arm64"].wheels:
        assert any(pin.partition(" ")[0] == wheel for pin in pins), wheel
