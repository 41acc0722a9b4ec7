"""The texts in ten scripts, and what other implementations make of them."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "data" / "text"


@pytest.fixture(scope="session")
def keras_tokens() -> ModuleType:
    """The script that made ``keras_tokens.json``; it imports TensorFlow in its ``main()`` only."""
    spec = importlib.util.spec_from_file_location("make_keras_tokens", FOLDER / "make_keras_tokens.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def texts(keras_tokens: ModuleType) -> list[str]:
    """10,000 texts in ten scripts."""
    return list(keras_tokens.multiscript.texts(keras_tokens.COUNT))


@pytest.fixture(scope="session")
def keras_checksums() -> dict[str, list[str]]:
    """Checksums of Keras's tokens, by case."""
    checksums: dict[str, list[str]] = json.loads((FOLDER / "keras_tokens.json").read_text())
    return checksums


@pytest.fixture(scope="session")
def pieces() -> dict[str, Any]:
    """Vocabularies, texts and indices of their pieces, as ``make_pieces.py`` writes them."""
    content: dict[str, Any] = json.loads((FOLDER / "pieces.json").read_text())
    return content
