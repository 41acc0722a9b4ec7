"""Fixtures of the runtime's tests, which need only numpy, one interpreter and pytest."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from edgekit_runtime.errors import EdgekitError, InterpreterError
from edgekit_runtime.interpreters.choosing import choose_interpreter

TFLITE = Path(__file__).resolve().parent.parent / "data" / "tflite"


@pytest.fixture(scope="session")
def tflite_folder() -> Path:
    """The folder of small committed models."""
    return TFLITE


@pytest.fixture(scope="session")
def cnn() -> dict[str, np.ndarray]:
    """40 images of 12 × 12: ``pixels`` uint8, ``image`` float32, and the Keras model's ``probabilities``."""
    with np.load(TFLITE / "cnn.npz") as arrays:
        return {name: arrays[name] for name in arrays.files}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Skip a test if an interpreter that is older than the models refuses one with a proper error message."""
    try:
        return (yield)
    except InterpreterError as error:
        if _is_old():
            pytest.skip(" ".join(str(error).split()))
        raise


def _is_old() -> bool:
    try:
        choice = choose_interpreter()
    except EdgekitError:
        return False
    return choice.name == "tflite-runtime" and int(choice.version.split(".")[1]) < 14


@pytest.fixture(scope="session")
def reads_tiny_scales() -> bool:
    """Whether a float32 below 1e-38 keeps its value; on 32-bit ARM it becomes 0 once an interpreter is imported."""
    return sys.maxsize > 2**32
