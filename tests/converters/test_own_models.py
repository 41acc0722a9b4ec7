from __future__ import annotations

from pathlib import Path

import pytest

from edgekit_converters.own_models import describe_own_model
from edgekit_converters.quantization.open_sizes import with_open_sizes
from edgekit_runtime.errors import ConversionError
from edgekit_runtime.tflite.structure import read_model_description

MODEL = Path(__file__).resolve().parents[1] / "data" / "tflite" / "dense_float32.tflite"


def test_a_sound_model_is_described() -> None:
    content = MODEL.read_bytes()
    assert describe_own_model(content, step="has lowered it") == read_model_description(content)


def test_a_refused_model_is_the_fault_of_edgekit() -> None:
    content = MODEL.read_bytes()[:-300]
    with pytest.raises(ConversionError, match="fault of edgekit") as caught:
        describe_own_model(content, step="has lowered the model to TFLite")
    assert "lies outside the file" in caught.value.received
    assert "report" in caught.value.next_step
    assert "copy" not in str(caught.value)
    with pytest.raises(ConversionError, match="has quantized the model"):
        with_open_sizes(content)
