"""Other interpreters than the one installed here, each in an environment of its own; hostile models within reach."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))


@pytest.fixture(scope="session", autouse=True)
def _no_progress_lines() -> Iterator[None]:
    """Lines on stderr come after seconds: what a test compares must not depend on the machine's speed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("edgekit.progress.SECONDS_BETWEEN_LINES", 3600.0)
        yield


@pytest.fixture(scope="session")
def tflite_runtime_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python with tflite-runtime 2.14, which ends at Python 3.11 and numpy 1."""
    if sys.version_info >= (3, 12):
        pytest.skip("tflite-runtime has no wheel for this Python")
    return _environment(tmp_path_factory.mktemp("tflite-runtime"), "tflite-runtime==2.14.0", "numpy==1.26.4")


@pytest.fixture(scope="session")
def tflite_micro_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python with the interpreter of TensorFlow Lite for Microcontrollers."""
    if sys.version_info[:2] not in ((3, 10), (3, 11), (3, 12), (3, 13)):
        pytest.skip("tflite-micro has no wheel for this Python")
    requirements = ("tflite-micro==0.dev20261023182759", "numpy", "flatbuffers", "pyyaml")
    return _environment(tmp_path_factory.mktemp("tflite-micro"), *requirements)


def _environment(folder: Path, *requirements: str) -> Path:
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    python = folder / "bin" / "python"
    subprocess.run([str(python), "-m", "pip", "install", "-q", *requirements], check=True, capture_output=True)
    return python
