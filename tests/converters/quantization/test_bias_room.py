"""Layers whose bias does not fit the steps that their weights ask for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from edgekit_converters.lowering.keras_model import lower_keras_model
from edgekit_converters.quantization.bias_room import widened_weights
from edgekit_converters.quantization.calibration import calibrate
from edgekit_converters.quantization.modes import Mode, Scheme
from edgekit_converters.quantization.quantize import quantize


def dead_filter_before_a_large_bias(layer: Any) -> bytes:
    """A layer with four outputs, the third of which has no weights left and answers its bias of 0.5."""
    import keras

    keras.utils.set_random_seed(3)
    model = keras.Sequential([keras.layers.Input((6, 6, 4), name="image"), layer])
    kernel, bias = layer.get_weights()
    kernel.reshape(-1, 4)[:, 2] = 0
    bias[:] = [0.1, -0.1, 0.5, 0.2]
    layer.set_weights([kernel, bias])
    return lower_keras_model(model, name="dead filter")[0]


@pytest.mark.parametrize("scheme", list(Scheme), ids=lambda scheme: scheme.value)
@pytest.mark.parametrize("mode", [Mode.INT8, Mode.INT16X8], ids=lambda mode: mode.value)
@pytest.mark.parametrize("kind", ["Conv2D", "DepthwiseConv2D", "Dense"])
def test_a_dead_filter_keeps_its_bias(kind: str, mode: Mode, scheme: Scheme) -> None:
    import keras

    sizes = {"Conv2D": (4, 3), "DepthwiseConv2D": (3,), "Dense": (4,)}[kind]
    model = dead_filter_before_a_large_bias(getattr(keras.layers, kind)(*sizes, name="layer"))
    images = np.random.default_rng(0).random((20, 1, 6, 6, 4), np.float32)
    ranges = calibrate(model, [{"image": image} for image in images])
    runner = Interpreter(model_content=quantize(model, mode, scheme=scheme, ranges=ranges)).get_signature_runner()
    float_runner = Interpreter(model_content=model).get_signature_runner()
    for image in images:
        answer, expected = runner(image=image)["layer"], float_runner(image=image)["layer"]
        np.testing.assert_allclose(answer[..., 2], 0.5, atol=0.01)
        np.testing.assert_allclose(answer, expected, atol=0.05)


def test_only_weights_that_need_it_are_widened() -> None:
    import keras

    layer = keras.layers.Dense(2, name="layer")
    model = keras.Sequential([keras.layers.Input((2,), name="x"), layer])
    layer.set_weights([np.array([[1, 0], [1, 0]], np.float32), np.array([0.5, 0.5], np.float32)])
    lowered = lower_keras_model(model, name="dense")[0]
    # Inputs of 0 to 255 have a scale of 1: 0.5 in 2^30 steps needs weights' steps of 0.5 / 2^30, 127 of them.
    statistics = {"serving_default_x:0": {"min": np.array([0.0]), "max": np.array([255.0])}}
    (widened,) = widened_weights(lowered, statistics, activation_bits=8, per_tensor_operators=()).values()
    np.testing.assert_allclose(widened["max"], [[1], [0.5 / 2**30 * 127]])
    # The whole layer's largest weight is 1, wide enough for both.
    assert widened_weights(lowered, statistics, activation_bits=8, per_tensor_operators=None) == {}
    # int16 has 32767 steps for the same inputs.
    (widened,) = widened_weights(lowered, statistics, activation_bits=16, per_tensor_operators=()).values()
    np.testing.assert_allclose(widened["max"], [[1], [0.5 / (255 / 32767) / 2**30 * 127]])
