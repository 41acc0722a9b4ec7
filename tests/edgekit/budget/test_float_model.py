"""The models of a search: each recipe is made once, as long as there is room for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edgekit.budget import float_model as module
from edgekit.budget.float_model import FloatModel
from edgekit_converters.quantization.budget_search import MixedRecipe
from edgekit_converters.quantization.modes import IoType, Mode
from edgekit_converters.targets.adaptation import TargetedModel
from edgekit_runtime.tflite.tflite_model import TfliteModel

MODEL = Path(__file__).resolve().parents[2] / "data" / "tflite" / "cnn_float32.tflite"


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[Mode]:
    """The modes that were really quantized, in order."""
    modes: list[Mode] = []
    quantize = module.quantize_for_targets

    def counted(model: TfliteModel, mode: Mode, *arguments: Any, **named: Any) -> TargetedModel:
        modes.append(mode)
        return quantize(model, mode, *arguments, **named)

    monkeypatch.setattr(module, "quantize_for_targets", counted)
    return modes


@pytest.fixture
def model() -> FloatModel:
    return FloatModel(TfliteModel(MODEL.read_bytes()), IoType.FLOAT32, None, {})


def test_equal_recipes_are_made_once(model: FloatModel, made: list[Mode]) -> None:
    first = model.quantized(Mode.DYNAMIC)
    assert model.quantized(Mode.DYNAMIC, MixedRecipe()) == first
    assert model.quantized(Mode.INT4) != first
    assert made == [Mode.DYNAMIC, Mode.INT4]


def test_what_does_not_fit_is_made_again(model: FloatModel, made: list[Mode], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_BYTES_KEPT", 10)
    assert model.quantized(Mode.DYNAMIC) == model.quantized(Mode.DYNAMIC)
    assert made == [Mode.DYNAMIC, Mode.DYNAMIC]
