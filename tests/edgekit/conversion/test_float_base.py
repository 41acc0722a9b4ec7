from __future__ import annotations

from pathlib import Path

import pytest

from edgekit.conversion.float_base import operators_of_kinds
from edgekit_runtime.errors import UsageError
from edgekit_runtime.tflite.structure import read_model_description

TFLITE = Path(__file__).resolve().parent.parent.parent / "data" / "tflite"


def test_operators_are_found_by_their_kind() -> None:
    description = read_model_description((TFLITE / "cnn_float32.tflite").read_bytes())
    names = operators_of_kinds(description, ["conv_2d", "SOFTMAX"])
    outputs = [o.outputs[0] for o in description.operators if o.name in ("CONV_2D", "SOFTMAX")]
    assert names == tuple(description.tensors[index].name for index in outputs)
    assert operators_of_kinds(description, []) == ()


def test_a_kind_that_the_model_does_not_have_is_an_error() -> None:
    description = read_model_description((TFLITE / "cnn_float32.tflite").read_bytes())
    with pytest.raises(UsageError, match="The model has no operator HARD_SWISH") as error:
        operators_of_kinds(description, ["softmax", "hard_swish"])
    assert "CONV_2D" in error.value.expected
