"""Layers whose bias does not fit the steps that their weights ask for; 4-bit weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from edgekit_converters.lowering.keras.model import lower_keras_model
from edgekit_converters.quantization.calibration import calibrate
from edgekit_converters.quantization.modes import Mode, Scheme
from edgekit_converters.quantization.quantize import quantize
from edgekit_converters.quantization.weight_bounds import int4_weights, widened_weights
from edgekit_runtime.tflite.tflite_model import TfliteModel


def dead_filter_before_a_large_bias(layer: Any) -> TfliteModel:
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
    quantized = quantize(model, mode, scheme=scheme, ranges=ranges)
    runner = Interpreter(model_content=quantized.content).get_signature_runner()
    float_runner = Interpreter(model_content=model.content).get_signature_runner()
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
    (widened,) = widened_weights(lowered.content, statistics, activation_bits=8, per_tensor_operators=()).values()
    np.testing.assert_allclose(widened["max"], [[1], [0.5 / 2**30 * 127]])
    # The whole layer's largest weight is 1, wide enough for both.
    assert widened_weights(lowered.content, statistics, activation_bits=8, per_tensor_operators=None) == {}
    # int16 has 32767 steps for the same inputs.
    (widened,) = widened_weights(lowered.content, statistics, activation_bits=16, per_tensor_operators=()).values()
    np.testing.assert_allclose(widened["max"], [[1], [0.5 / (255 / 32767) / 2**30 * 127]])


@pytest.mark.parametrize("mode", [Mode.DYNAMIC, Mode.INT4], ids=lambda mode: mode.value)
@pytest.mark.parametrize(
    ("layer", "sizes"),
    [("DepthwiseConv2D", {"kernel_size": 3}), ("Conv2D", {"filters": 4, "kernel_size": 3, "groups": 2})],
    ids=["depthwise", "groups"],
)
def test_kernels_that_need_a_scale_a_channel_get_them(layer: str, sizes: dict[str, int], mode: Mode) -> None:
    import keras

    keras.utils.set_random_seed(3)
    layers = [keras.layers.Input((6, 6, 4), name="image"), getattr(keras.layers, layer)(**sizes, name="layer")]
    model = lower_keras_model(keras.Sequential(layers), name=layer)[0]
    image = np.random.default_rng(0).random((1, 6, 6, 4), np.float32)
    expected, answer = (
        Interpreter(model_content=each.content).get_signature_runner()(image=image)["layer"]
        for each in (model, quantize(model, mode, scheme=Scheme.PER_TENSOR))
    )
    np.testing.assert_allclose(answer, expected, atol=0.15)


@pytest.mark.parametrize("scheme", list(Scheme), ids=lambda scheme: scheme.value)
@pytest.mark.parametrize("kind", ["Conv2D", "DepthwiseConv2D", "Dense"])
def test_a_dead_filter_is_no_trouble_in_four_bits(kind: str, scheme: Scheme) -> None:
    import keras

    sizes = {"Conv2D": (4, 3), "DepthwiseConv2D": (3,), "Dense": (4,)}[kind]
    model = dead_filter_before_a_large_bias(getattr(keras.layers, kind)(*sizes, name="layer"))
    image = np.random.default_rng(0).random((1, 6, 6, 4), np.float32)
    answers = [
        Interpreter(model_content=each.content).get_signature_runner()(image=image)["layer"]
        for each in (model, quantize(model, Mode.INT4, scheme=scheme))
    ]
    np.testing.assert_allclose(answers[1], answers[0], atol=0.2)
    np.testing.assert_allclose(answers[1][..., 2], 0.5, atol=1e-6)


def test_four_bits_are_spent_where_the_squared_error_is_least() -> None:
    import keras

    layer = keras.layers.Dense(2, name="layer", use_bias=False)
    model = keras.Sequential([keras.layers.Input((100,), name="x"), layer])
    # The first output's weights are whole numbers up to 7, exact in steps of 1; the second's are small but for one.
    weights = np.stack([np.arange(100) % 8, np.where(np.arange(100) == 0, 1.0, 0.1)], axis=1).astype(np.float32)
    layer.set_weights([weights])
    lowered = lower_keras_model(model, name="dense")[0]
    (bounds,) = int4_weights(lowered.content, kinds=["FULLY_CONNECTED"], per_tensor_operators=()).values()
    assert bounds["max"].shape == (2, 1)
    assert bounds["max"][0] == pytest.approx(7)
    # In steps of 1/7 the 99 small weights are 0.043 wrong each: 0.18 in squares. In steps of 0.8/7 they are 0.014 wrong
    # each and the one at 1.0 is 0.2 wrong: 0.06, less than 0.7/7, which makes them exact and it 0.3 wrong: 0.09.
    assert bounds["max"][1] == pytest.approx(0.8)
    (one,) = int4_weights(lowered.content, kinds=["FULLY_CONNECTED"], per_tensor_operators=None).values()
    assert one["max"].shape == (1, 1)
    assert int4_weights(lowered.content, kinds=["CONV_2D"], per_tensor_operators=()) == {}
