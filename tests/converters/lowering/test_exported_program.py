"""Exported programs where PyTorch is not installed; ``tests/pytorch`` converts them for real."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from edgekit_converters.lowering.exported_program import lower_exported_program
from edgekit_runtime.errors import ConversionError

PROGRAMS = Path(__file__).resolve().parents[2] / "data" / "exported_programs"


@pytest.mark.skipif(importlib.util.find_spec("litert_torch") is not None, reason="litert-torch is installed here")
def test_without_litert_torch_the_message_names_the_extra() -> None:
    with pytest.raises(ConversionError, match="PyTorch program") as caught:
        lower_exported_program(PROGRAMS / "cnn.pt2")
    assert caught.value.next_step == "pip install 'edgekit[torch]'"
