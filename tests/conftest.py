"""Fixtures for data that stays out of the repository; tests that use it skip where it is absent."""

from __future__ import annotations

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parent.parent.parent / "shared"


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
