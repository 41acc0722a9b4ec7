"""Quantization within a target's means."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgekit_converters.quantization import recipes
from edgekit_converters.quantization.modes import Mode
from edgekit_converters.targets.adaptation import (
    TargetRefusalError,
    needs_fixed_batch,
    quantize_for_targets,
    require_mode,
)
from edgekit_runtime.errors import UsageError
from edgekit_runtime.tflite.tflite_model import TfliteModel

FIXTURES = Path(__file__).resolve().parents[2] / "data" / "tflite"
CNN = TfliteModel((FIXTURES / "cnn_float32.tflite").read_bytes())


def scales_of_weights(model: TfliteModel, operator: str) -> int:
    description = model.description
    (found,) = [each for each in description.operators if each.name == operator]
    return len(description.tensors[found.inputs[1]].scales)


@pytest.fixture
def all_weights_are_integers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make ``dynamic`` quantize the small models of this file like large ones, and transposed convolutions too."""
    monkeypatch.setattr(recipes, "_fast_float_rules", lambda description: [])


@pytest.mark.usefixtures("all_weights_are_integers")
def test_only_what_the_target_cannot_read_gets_one_scale() -> None:
    free = quantize_for_targets(CNN, Mode.DYNAMIC, ["litert"])
    assert (scales_of_weights(free.model, "FULLY_CONNECTED"), free.per_tensor_operators) == (10, ())
    assert "tflite-runtime-2.14" not in free.targets

    bound = quantize_for_targets(CNN, Mode.DYNAMIC, ["litert", "tflite-runtime-2.14"])
    assert bound.per_tensor_operators == ("FULLY_CONNECTED",)
    assert scales_of_weights(bound.model, "FULLY_CONNECTED") == 1
    assert scales_of_weights(bound.model, "CONV_2D") == scales_of_weights(free.model, "CONV_2D")
    assert {"litert", "litert-1.4", "tflite-runtime-2.14", "tflite-runtime-2.5"} <= set(bound.targets)
    assert bound.facts() == {"targets": list(bound.targets), "per_tensor_operators": ["FULLY_CONNECTED"]}


@pytest.mark.usefixtures("all_weights_are_integers")
def test_what_a_target_has_for_floats_only_stays_in_float() -> None:
    """tflite-runtime's transposed convolution has no kernel for int8 weights with float activations."""
    model = TfliteModel((FIXTURES / "many_operators.tflite").read_bytes())
    free, bound = (quantize_for_targets(model, Mode.DYNAMIC, targets) for targets in ([], ["tflite-runtime-2.14"]))
    assert "tflite-runtime-2.14" not in free.targets and free.float_operators == ()
    assert "tflite-runtime-2.14" in bound.targets
    (name,) = bound.float_operators
    description = bound.model.description
    (convolution,) = [each for each in description.operators if each.name == "TRANSPOSE_CONV"]
    assert description.tensors[convolution.outputs[0]].name == name
    assert description.tensors[convolution.inputs[1]].dtype == "float32"
    assert bound.facts()["float_operators"] == [name]


def test_a_target_changes_nothing_where_all_is_well() -> None:
    assert quantize_for_targets(CNN, Mode.NONE, ["tflite-runtime-2.5"]).model == CNN
    free, bound = (quantize_for_targets(CNN, Mode.FLOAT16, targets) for targets in ([], ["tflite-runtime-2.14"]))
    assert free == bound


def test_a_model_that_no_mode_helps_is_refused_by_its_operator() -> None:
    custom = TfliteModel((FIXTURES / "custom_operator.tflite").read_bytes())
    with pytest.raises(TargetRefusalError, match="litert cannot run this model as none"):
        quantize_for_targets(custom, Mode.NONE, ["litert"])
    assert quantize_for_targets(custom, Mode.NONE, []).targets == ()


@pytest.mark.parametrize("target", ["tflite-runtime-2.14", "tflite-runtime-2.5", "tflite-micro"])
def test_four_bits_are_refused_before_any_work(target: str) -> None:
    with pytest.raises(UsageError) as refusal:
        require_mode(Mode.INT4, ["litert", target])
    assert f"--quantize int4 does not go with --target {target}" in str(refusal.value)
    assert "use --quantize int8" in str(refusal.value)


def test_modes_of_microcontrollers() -> None:
    for mode in (Mode.NONE, Mode.INT8, Mode.INT16X8):
        require_mode(mode, ["tflite-micro"])
    with pytest.raises(UsageError, match="none, int8 or int16x8"):
        require_mode(Mode.DYNAMIC, ["tflite-micro"])
    assert needs_fixed_batch(["litert", "tflite-micro"])
    assert not needs_fixed_batch(["litert", "tflite-runtime-2.5"])
