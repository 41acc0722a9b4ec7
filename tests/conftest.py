"""Fixtures for data that stays out of the repository; tests that use it skip where it is absent."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

try:
    from edgekit_converters.lowering.fork_server import fork_server
except ImportError:
    # Only the device runtime is installed, whose tests lower nothing.
    from contextlib import nullcontext as fork_server

SHARED = Path(__file__).resolve().parent.parent.parent / "shared"


@pytest.fixture(scope="session", autouse=True)
def children_that_start_at_once() -> Iterator[None]:
    """Import TensorFlow once for all lowerings of this process; commands in other processes import it as usual."""
    with fork_server():
        yield


@pytest.fixture(scope="session")
def shared_models() -> Path:
    """The folder of published Keras files, with its ``index.json``."""
    folder = SHARED / "models"
    if not folder.is_dir():
        pytest.skip("the folder of published Keras files is not on this machine")
    return folder


@pytest.fixture(scope="session")
def shared_models_hard() -> Path:
    """The folder of published files that were hard to convert, with its ``index.json``."""
    folder = SHARED / "models_hard"
    if not folder.is_dir():
        pytest.skip("the folder of hard published files is not on this machine")
    return folder


@pytest.fixture(scope="session")
def mnist_folder() -> Path:
    """The folder with MNIST's 10,000 test images and labels as gzipped IDX files."""
    folder = SHARED / "data" / "mnist"
    if not folder.is_dir():
        pytest.skip("the MNIST files are not on this machine")
    return folder
