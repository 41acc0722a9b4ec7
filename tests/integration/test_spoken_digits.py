"""The sample of spoken digits: trained on synthetic voices, tested on a human, heard on the device."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import wave
from pathlib import Path

import numpy as np
import pytest

SAMPLE = Path(__file__).resolve().parents[2] / "samples" / "spoken_digits"
HUMAN = Path("/usr/share/asterisk/sounds/en/digits")
LABELS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder of the sample's models, and what it printed."""
    if not shutil.which("espeak-ng") or not HUMAN.is_dir():
        pytest.skip("needs apt install espeak-ng asterisk-core-sounds-en-wav")
    folder = tmp_path_factory.mktemp("spoken_digits")
    command = [sys.executable, str(SAMPLE / "train.py"), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder, done.stdout


def test_accuracies_agree_from_keras_to_the_device_and_the_gap_is_printed(trained: tuple[Path, str]) -> None:
    row = re.compile(r"^(\S+): new synthetic voices (\d+)%, human (\d+)%, human with noise (\d+)%$", re.MULTILINE)
    found = {name: [int(number) for number in numbers] for name, *numbers in row.findall(trained[1])}
    assert list(found) == ["Keras", "digits.tflite", "digits-int8.tflite"]
    assert found["Keras"] == found["digits.tflite"]
    synthetic, human, _ = found["digits-int8.tflite"]
    assert synthetic >= 90
    assert human >= 40
    assert f"gap: {synthetic - human} points" in trained[1]


def test_digits_are_heard_in_a_recording(trained: tuple[Path, str], tmp_path: Path) -> None:
    words = []
    for number in (7, 3, 9):
        with wave.open(str(HUMAN / f"{number}.wav")) as file:
            words += [np.frombuffer(file.readframes(file.getnframes()), "<i2"), np.zeros(8000, np.int16)]
    recording = tmp_path / "three_digits.wav"
    with wave.open(str(recording), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(np.concatenate(words).tobytes())
    command = [sys.executable, str(SAMPLE / "listen.py"), str(trained[0] / "digits-int8.tflite"), str(recording)]
    done = subprocess.run([*command, "--threshold", "0.5"], capture_output=True, text=True, check=True)
    heard = re.findall(r"^ *([\d.]+) s  (\w+) \d+%$", done.stdout, re.MULTILINE)
    assert heard
    assert {label for _, label in heard} <= set(LABELS)
    assert {"seven", "three", "nine"} & {label for _, label in heard}


def test_on_the_device_the_runtime_is_enough() -> None:
    imported = re.findall(r"^\s*(?:import|from) (\w+)", (SAMPLE / "listen.py").read_text(), re.MULTILINE)
    assert set(imported) <= {"argparse", "subprocess", "sys", "numpy", "edgekit_runtime", "sounddevice"}
