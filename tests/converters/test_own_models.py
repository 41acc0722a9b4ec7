from __future__ import annotations

from pathlib import Path

import pytest

from edgekit_converters.own_models import parse_lowered, parse_own_model, parse_quantized
from edgekit_runtime.errors import ConversionError
from edgekit_runtime.tflite.tflite_model import TfliteModel

MODEL = Path(__file__).resolve().parents[1] / "data" / "tflite" / "dense_float32.tflite"


def test_a_sound_model_is_described() -> None:
    content = MODEL.read_bytes()
    assert parse_own_model(content, step="has lowered it") == TfliteModel(content)


def test_a_refused_model_is_a_bug_in_edgekit() -> None:
    content = MODEL.read_bytes()[:-300]
    with pytest.raises(ConversionError, match="bug in edgekit") as caught:
        parse_lowered(content)
    assert "lies outside the file" in caught.value.received
    assert "report" in caught.value.next_step
    assert "copy" not in str(caught.value)
    with pytest.raises(ConversionError, match="has quantized the model"):
        parse_quantized(content)
