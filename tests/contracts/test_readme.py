"""The README's example for the device, literally, in an environment that holds what the README installs there."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
#: Classifies images of 12 × 12 pixels, with labels packed into it.
PACKED = ROOT / "tests" / "data" / "packed" / "cnn_0.1.0.tflite"


@pytest.fixture(scope="module")
def device(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an environment made by the README's command, a model and an image of the README's names."""
    folder = tmp_path_factory.mktemp("device")
    (requirement,) = set(re.findall(r"`pip install '(edgekit-runtime\[\w+\])'`", README))
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT / "runtime")]
    subprocess.run(build, check=True, capture_output=True)
    subprocess.run([sys.executable, "-m", "venv", str(folder / "venv")], check=True)
    install = [folder / "venv/bin/pip", "install", "-q", "-c", ROOT / "constraints.txt", "--find-links", folder]
    done = subprocess.run([*map(str, install), requirement], capture_output=True, text=True)
    if "No matching distribution" in done.stderr or "Temporary failure" in done.stderr:
        pytest.skip("PyPI cannot be reached from here")
    assert done.returncode == 0, done.stderr
    shutil.copy(PACKED, folder / "model-int8.tflite")
    pixels = np.random.default_rng(5).integers(0, 256, (12, 12), np.uint8)
    Image.fromarray(pixels).save(folder / "digit.png")
    return folder


def test_the_three_lines_print_a_label(device: Path) -> None:
    (program,) = re.findall(r"```python\n(import edgekit_runtime\n.*?)```", README, flags=re.DOTALL)
    assert len([line for line in program.splitlines() if line]) == 3
    python = str(device / "venv/bin/python")
    done = subprocess.run([python, "-c", program], cwd=device, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"digit \d\n", done.stdout)
    listed = subprocess.run([python, "-m", "pip", "list"], capture_output=True, text=True).stdout
    assert "tensorflow" not in listed


def test_the_commands_for_the_device_run(device: Path) -> None:
    commands = re.findall(r"^    \$ python -m (edgekit_runtime .*)$", README, flags=re.MULTILINE)
    assert [command.split()[1] for command in commands] == ["predict", "verify"]
    for command in commands:
        program = [str(device / "venv/bin/python"), "-m", *command.split()]
        done = subprocess.run(program, cwd=device, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert "digit" in done.stdout or "passed" in done.stdout
