"""A converted model that is slower than float32 is reported with the operators that cause it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from edgekit.conversion import slower
from edgekit_converters.quantization.modes import Mode
from edgekit_converters.quantization.quantize import quantize
from edgekit_runtime.tflite.tflite_model import TfliteModel

CNN = TfliteModel((Path(__file__).resolve().parents[2] / "data" / "tflite" / "cnn_float32.tflite").read_bytes())
INPUTS = {CNN.description.signatures[0].inputs[0][0]: np.zeros((1, 28, 28, 1), np.float32)}


def as_int4(mode: Mode, in_float: Collection[str]) -> TfliteModel:
    return quantize(CNN, mode, float_operators=in_float)


def times(monkeypatch: pytest.MonkeyPatch, milliseconds: Mapping[TfliteModel, float], otherwise: float) -> None:
    def fixed(models: Sequence[TfliteModel], inputs: object, **options: object) -> list[float]:
        return [milliseconds.get(model, otherwise) for model in models]

    monkeypatch.setattr(slower, "median_latencies_ms", fixed)


def test_the_operators_that_cause_it_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    int4 = as_int4(Mode.INT4, ())
    description = CNN.description
    (dense,) = [each for each in description.operators if each.name == "FULLY_CONNECTED"]
    without_dense = as_int4(Mode.INT4, [description.tensors[dense.outputs[0]].name])
    times(monkeypatch, {CNN: 1.0, int4: 3.0, without_dense: 1.1}, otherwise=2.9)
    (found,) = slower.slower_than_float(CNN, {Mode.NONE: CNN, Mode.INT4: int4}, INPUTS, as_int4)
    assert found == slower.SlowerModel("int4", 3.0, 1.0, ("FULLY_CONNECTED",))
    assert found.describe().startswith(
        "int4 is 3.0 times as slow as float32 on this machine (3.000 ms, float32 1.000 ms): FULLY_CONNECTED is slower "
        "in int4."
    )


@pytest.mark.parametrize(("float_ms", "int4_ms"), [(1.0, 1.2), (0.01, 0.025)], ids=["equally fast", "overhead"])
def test_what_timing_cannot_tell_apart_is_not_reported(
    float_ms: float, int4_ms: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    int4 = as_int4(Mode.INT4, ())
    times(monkeypatch, {CNN: float_ms, int4: int4_ms}, otherwise=9.0)
    assert slower.slower_than_float(CNN, {Mode.INT4: int4}, INPUTS, as_int4) == ()
